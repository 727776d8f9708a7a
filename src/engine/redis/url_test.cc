#include "engine/redis/url.h"

#include <gtest/gtest.h>

namespace gw::redis {
namespace {

using Hosts = std::vector<HostPort>;

Url parsed(std::string_view text) {
  const auto url = Url::parse(text);
  EXPECT_TRUE(url) << text;
  return url.value_or(Url());
}

TEST(RedisUrl, NamesOneServer) {
  struct Case {
    const char* text;
    HostPort host;
    uint32_t database;
  };
  for (const Case& c : {Case{"redis://localhost", {"localhost", 6379}, 0},
                        {"redis://10.0.0.1:6380", {"10.0.0.1", 6380}, 0},
                        {"redis://h/", {"h", 6379}, 0},
                        {"redis://h:1/15", {"h", 1}, 15},
                        {"redis://h:65535/0", {"h", 65535}, 0},
                        {"redis://[::1]", {"::1", 6379}, 0},
                        {"redis://[fe80::1:2]:7000/3", {"fe80::1:2", 7000}, 3},
                        {"redis://Redis_1.example-net", {"Redis_1.example-net", 6379}, 0}}) {
    const Url url = parsed(c.text);
    EXPECT_EQ(url.hosts, Hosts{c.host}) << c.text;
    EXPECT_EQ(url.database, c.database) << c.text;
    EXPECT_FALSE(url.tls);
    EXPECT_EQ(url.sentinel_master + url.socket_path + url.user + url.password, "") << c.text;
  }
  EXPECT_TRUE(parsed("rediss://h").tls);
}

TEST(RedisUrl, HoldsUserAndPassword) {
  struct Case {
    const char* text;
    const char* user;
    const char* password;
  };
  for (const Case& c : {Case{"redis://u:p@h", "u", "p"},
                        {"redis://:p@h", "", "p"},
                        {"redis://p@h", "", "p"},
                        {"redis://u:@h", "u", ""},
                        {"redis://@h", "", ""},
                        {"redis://u:a:b@h", "u", "a:b"},
                        {"redis://u:a@b@h", "u", "a@b"},
                        {"rediss://u%40x:%2F%3a%25%00e@h:1/2", "u@x", "/:%"},
                        {"redis+unix://u:p@/run/redis", "u", "p"},
                        {"redis+sentinel://u:p@a,b/m", "u", "p"},
                        {"redis+cluster://u:p@a,b", "u", "p"}}) {
    const Url url = parsed(c.text);
    EXPECT_EQ(url.user, c.user) << c.text;
    EXPECT_EQ(url.password.substr(0, std::string_view(c.password).size()), c.password) << c.text;
  }
  EXPECT_EQ(parsed("redis://:a%00b@h").password, std::string("a\0b", 3));
  EXPECT_EQ(parsed("redis://:%c3%A9@h").password, "é");
}

TEST(RedisUrl, NamesASocket) {
  EXPECT_EQ(parsed("redis+unix:///run/redis.sock").socket_path, "/run/redis.sock");
  const Url url = parsed("redis+unix://u:p@/run/a@b:c?db=7");
  EXPECT_EQ(url.socket_path, "/run/a@b:c");
  EXPECT_EQ(url.database, 7u);
  EXPECT_TRUE(url.hosts.empty());
}

TEST(RedisUrl, NamesSentinels) {
  const Url url = parsed("redis+sentinel://:p@a,b:1,[::1],[::2]:2/my-master/4");
  EXPECT_EQ(url.hosts, (Hosts{{"a", 26379}, {"b", 1}, {"::1", 26379}, {"::2", 2}}));
  EXPECT_EQ(url.sentinel_master, "my-master");
  EXPECT_EQ(url.database, 4u);
  EXPECT_FALSE(url.tls);
  EXPECT_TRUE(parsed("rediss+sentinel://a/m").tls);
}

TEST(RedisUrl, NamesNodesOfACluster) {
  const Url url = parsed("redis+cluster://:p@a,b:1,[::1],[::2]:2");
  EXPECT_EQ(url.hosts, (Hosts{{"a", 6379}, {"b", 1}, {"::1", 6379}, {"::2", 2}}));
  EXPECT_TRUE(url.is_cluster);
  EXPECT_FALSE(url.tls);
  EXPECT_EQ(url.sentinel_master, "");
  EXPECT_EQ(parsed("redis+cluster://a/").hosts, (Hosts{{"a", 6379}}));
  EXPECT_EQ(parsed("redis+cluster://a,b/0").hosts, (Hosts{{"a", 6379}, {"b", 6379}}));
  EXPECT_TRUE(parsed("rediss+cluster://a").tls);
  EXPECT_FALSE(parsed("redis://a").is_cluster);
  EXPECT_FALSE(parsed("redis+sentinel://a/m").is_cluster);
}

constexpr const char* kNoAddresses[] = {"",
                                        "h",
                                        "redis:",
                                        "redis:/",
                                        "redis://",
                                        "redis:///1",
                                        "redis://:6379",
                                        "redis://h:",
                                        "redis://h:0",
                                        "redis://h:65536",
                                        "redis://h:-1",
                                        "redis://h:+1",
                                        "redis://h: 1",
                                        "redis://h:1:2",
                                        "redis://h:1x",
                                        "redis://h/x",
                                        "redis://h/-1",
                                        "redis://h/1/2",
                                        "redis://h/1000001",
                                        "redis://h/99999999999",
                                        "redis://h?db=1",
                                        "redis://a b",
                                        "redis://a\nb",
                                        "redis://a,b",
                                        "redis://[::1",
                                        "redis://[]",
                                        "redis://[h]",
                                        "redis://[::1]1",
                                        "redis://::1",
                                        "redis://u:%@h",
                                        "redis://u:%4@h",
                                        "redis://u:%zz@h",
                                        "redis://%:p@h",
                                        "redis://u:p@",
                                        "REDIS://h",
                                        "http://h",
                                        "redis+tcp://h",
                                        "redis-cluster://a,b",
                                        "redis+unix://",
                                        "redis+unix:///",
                                        "redis+unix://run/redis",
                                        "redis+unix:///r?",
                                        "redis+unix:///r?db",
                                        "redis+unix:///r?db=",
                                        "redis+unix:///r?db=x",
                                        "redis+unix:///r?x=1",
                                        "redis+cluster://",
                                        "redis+cluster:///0",
                                        "redis+cluster://a,",
                                        "redis+cluster://a/1",
                                        "redis+cluster://a/m",
                                        "redis+cluster://a/0/0",
                                        "redis+cluster://a?db=0",
                                        "redis+cluster://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
                                        "redis+sentinel://a",
                                        "redis+sentinel:///m",
                                        "redis+sentinel://a/",
                                        "redis+sentinel://a,/m",
                                        "redis+sentinel://,a/m",
                                        "redis+sentinel://a/m/x",
                                        "redis+sentinel://a/m/1/2",
                                        "redis+sentinel://a/m m",
                                        "redis+sentinel://a//1",
                                        "redis+sentinel://a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q/m"};

TEST(RedisUrl, RefusesEverythingElse) {
  for (const char* text : kNoAddresses) {
    EXPECT_FALSE(Url::parse(text)) << text;
  }
}

TEST(RedisUrl, IsWrittenWithoutItsSecrets) {
  struct Case {
    const char* text;
    const char* shown;
  };
  for (const Case& c : {Case{"redis://hush:hush@h:1/2", "redis://h:1/2"},
                        {"rediss://hush@h", "rediss://h:6379/0"},
                        {"redis://:hush@[::1]:5", "redis://[::1]:5/0"},
                        {"redis+unix://:hush@/run/r?db=3", "redis+unix:///run/r?db=3"},
                        {"redis+sentinel://hush:hush@a,b:1/m/2", "redis+sentinel://a:26379,b:1/m/2"},
                        {"rediss+sentinel://:hush@a/m", "rediss+sentinel://a:26379/m/0"},
                        {"redis+cluster://hush:hush@a,[::1]:2/", "redis+cluster://a:6379,[::1]:2"},
                        {"rediss+cluster://:hush@a", "rediss+cluster://a:6379"}}) {
    const std::string shown = parsed(c.text).text();
    EXPECT_EQ(shown, c.shown);
    // And read back it is the same server.
    EXPECT_EQ(parsed(shown).text(), shown);
  }
}

TEST(Url, SentinelsHavePasswordsOfTheirOwn) {
  const auto url = Url::parse("redis+sentinel://u:p@h1,h2:2/main/3?sentinel_password=s%26x&sentinel_user=w");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->password, "p");
  EXPECT_EQ(url->sentinel_user, "w");
  EXPECT_EQ(url->sentinel_password, "s&x");
  EXPECT_EQ(url->database, 3u);
  EXPECT_EQ(url->text().find("s&x"), std::string::npos);
  for (const char* wrong : {"redis+sentinel://h/m?", "redis+sentinel://h/m?sentinel_user=u",
                            "redis+sentinel://h/m?x=1", "redis+sentinel://h/m?sentinel_password=",
                            "redis+sentinel://h/m?sentinel_password", "redis://h?sentinel_password=p"}) {
    EXPECT_FALSE(Url::parse(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace gw::redis
