#include "config/values.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

TEST(ConfigValues, CountsAreDecimalDigitsOnly) {
  EXPECT_EQ(parse_count("0"), 0u);
  EXPECT_EQ(parse_count("18446744073709551615"), 18446744073709551615u);
  for (const char* text :
       {"", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "1_000", "18446744073709551616"}) {
    EXPECT_FALSE(parse_count(text)) << text;
  }
}

TEST(ConfigValues, SizesCountInPowersOf1024) {
  struct Case {
    const char* text;
    uint64_t bytes;
  };
  for (const Case& c : {Case{"0", 0},
                        {"65536", 65536},
                        {"65536B", 65536},
                        {"64k", 65536},
                        {"64K", 65536},
                        {"64KiB", 65536},
                        {"1m", 1u << 20},
                        {"1MiB", 1u << 20},
                        {"2GiB", uint64_t{2} << 30}}) {
    EXPECT_EQ(parse_size(c.text), c.bytes) << c.text;
    EXPECT_EQ(parse_size(format_size(c.bytes)), c.bytes) << c.text;
  }
  // kB and MB mean powers of 1000 to some: better refused than misread.
  for (const char* text : {"", "k", "-1k", "1.5M", "1 k", "64kB", "1MB", "1T", "17179869184GiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(ConfigValues, SizesAreWrittenInTheirLargestWholeUnit) {
  EXPECT_EQ(format_size(0), "0");
  EXPECT_EQ(format_size(1000), "1000");
  EXPECT_EQ(format_size(1536), "1536");
  EXPECT_EQ(format_size(65536), "64KiB");
  EXPECT_EQ(format_size(uint64_t{16} << 20), "16MiB");
  EXPECT_EQ(format_size(uint64_t{4096} << 30), "4096GiB");
}

TEST(ConfigValues, SwitchesTakeTheUsualWords) {
  for (const char* text : {"on", "ON", "true", "yes", "1"}) EXPECT_EQ(parse_switch(text), true) << text;
  for (const char* text : {"off", "False", "no", "0"}) EXPECT_EQ(parse_switch(text), false) << text;
  for (const char* text : {"", "o", "2", "enabled", " on"}) EXPECT_FALSE(parse_switch(text)) << text;
}

TEST(ConfigValues, ListsSplitAtCommasAndKeepEmptyItems) {
  using Items = std::vector<std::string>;
  EXPECT_EQ(split_list(""), Items{});
  EXPECT_EQ(split_list("  "), Items{});
  EXPECT_EQ(split_list("a"), Items{"a"});
  EXPECT_EQ(split_list(" a ,\tb,c "), (Items{"a", "b", "c"}));
  EXPECT_EQ(split_list("a,,b,"), (Items{"a", "", "b", ""}));
}

TEST(ConfigValues, PublicUrlsBecomeTheBeginningOfAWebSocketAddress) {
  struct Case {
    const char* text;
    const char* kept;
  };
  for (const Case& c : {Case{"wss://chat.example.org", "wss://chat.example.org"},
                        {"https://Chat.Example.org/", "wss://chat.example.org"},
                        {"http://chat.example.org:80", "ws://chat.example.org"},
                        {"ws://10.0.0.1:8080/ws", "ws://10.0.0.1:8080"},
                        {"wss://a.example/x/y//ws/", "wss://a.example/x/y"},
                        {"https://[fd00::1]:8443/gw", "wss://[fd00::1]:8443/gw"}}) {
    EXPECT_EQ(parse_public_url(c.text), c.kept) << c.text;
    EXPECT_EQ(parse_public_url(c.kept), c.kept);
  }
  for (const char* text :
       {"", "chat.example.org", "ftp://a.example", "wss://", "wss://a b", "wss://u:p@a.example",
        "wss://a.example?x=1", "wss://a.example#f", "wss://a.example:0", "wss://a.example:65536",
        "wss://a.example:", "wss://[fd00::1", "wss://[a.example]", "wss://a.example/\"", "://a"}) {
    EXPECT_FALSE(parse_public_url(text)) << text;
  }
}

TEST(ConfigValues, OriginsAreKeptAsBrowsersSendThem) {
  struct Case {
    const char* text;
    const char* kept;
  };
  for (const Case& c : {Case{"*", "*"},
                        {"https://App.Example.org", "https://app.example.org"},
                        {"https://app.example.org:443", "https://app.example.org"},
                        {"http://localhost:3000", "http://localhost:3000"},
                        {"http://[::1]:3000", "http://[::1]:3000"},
                        {"chrome-extension://abcdefgh", "chrome-extension://abcdefgh"},
                        {"https://*.Example.org:443", "https://*.example.org"},
                        {"http://*.app.example.org:8080", "http://*.app.example.org:8080"}}) {
    EXPECT_EQ(parse_origin(c.text), c.kept) << c.text;
  }
  for (const char* text : {"",
                           "null",
                           "app.example.org",
                           "https://",
                           "https://app.example.org/",
                           "https://u@a.example",
                           "https://*",
                           "https://*.org",
                           "https://*.localhost",
                           "https://*.127.0.0.1",
                           "https://*.[::1]",
                           "https://*.*.example.org",
                           "https://app.*.example.org",
                           "https://a*.example.org",
                           "https://*.",
                           "https://*..example.org",
                           "*.example.org",
                           "*://a.example.org",
                           "https://a.example?x",
                           "https://\xc3\xa4.example",
                           "1http://a"}) {
    EXPECT_FALSE(parse_origin(text)) << text;
  }
}

TEST(ConfigValues, RedisUrls) {
  for (const char* text : {"redis://localhost", "redis://h:6379", "redis://h/", "redis://h:1/15",
                           "rediss://u:p@h/0", "redis://:p@[::1]:6379", "redis+unix:///run/r?db=1",
                           "redis+sentinel://:p@a,b:1/m/2", "rediss+sentinel://a/m"}) {
    EXPECT_TRUE(is_redis_url(text)) << text;
  }
  for (const char* text :
       {"", "h:6379", "http://h", "redis://", "redis://h/x", "redis://h/0?x", "redis://h#1", "redis://h:x"}) {
    EXPECT_FALSE(is_redis_url(text)) << text;
  }
}

TEST(ConfigValues, MaskedUrlsHoldNoPassword) {
  EXPECT_EQ(mask_credentials("redis://user:pass@host:6379/1"), "redis://user:****@host:6379/1");
  EXPECT_EQ(mask_credentials("redis://:pass@host"), "redis://:****@host");
  EXPECT_EQ(mask_credentials("redis://pass@host"), "redis://****@host");
  EXPECT_EQ(mask_credentials("redis://a:b:c@d@host"), "redis://a:****@host");
  EXPECT_EQ(mask_credentials("redis://host"), "redis://host");
  EXPECT_EQ(mask_credentials("redis+unix://u:pass@/run/a@b?db=1"), "redis+unix://u:****@/run/a@b?db=1");
  EXPECT_EQ(mask_credentials("redis+unix:///run/a@b"), "redis+unix:///run/a@b");
  EXPECT_EQ(mask_credentials("rediss+sentinel://:p%40ss@a,b:1/m/2"), "rediss+sentinel://:****@a,b:1/m/2");
  // What cannot be read might hold one anywhere.
  for (const char* text : {"redis://u:pa/ss@host", "redis://u:pa%ss@host", "redis+sentinel://u:pass@host",
                           "redis+unix://u:pass@run/r", "rediss://u:pass@host:0", "http://u:pass@host"}) {
    EXPECT_EQ(mask_credentials(text), "(not shown)") << text;
  }
  EXPECT_EQ(mask_credentials("user:pass@host"), "(not shown)");
  EXPECT_TRUE(has_credentials("redis://pass@host"));
  EXPECT_FALSE(has_credentials("redis://host"));
}

TEST(ConfigValues, QuotedTextIsOneSafeLine) {
  EXPECT_EQ(quote("plain"), "\"plain\"");
  EXPECT_EQ(quote("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(quote("a\n\x1b[0m\x7f\xff"), "\"a\\x0a\\x1b[0m\\x7f\\xff\"");
  EXPECT_EQ(quote(std::string(80, 'x')), "\"" + std::string(80, 'x') + "\"");
  EXPECT_EQ(quote(std::string(81, 'x')), "\"" + std::string(80, 'x') + "...\"");
}

TEST(ConfigValues, APlainWordIsShownAsItIs) {
  EXPECT_EQ(plain_or_quoted("/etc/gateway.toml"), "/etc/gateway.toml");
  EXPECT_EQ(plain_or_quoted(""), "\"\"");
  EXPECT_EQ(plain_or_quoted("a b"), "\"a b\"");
  EXPECT_EQ(plain_or_quoted("a\n"), "\"a\\x0a\"");
}

TEST(ConfigValues, TheNearestNameIsFoundAndAStrangeOneIsNot) {
  const std::vector<std::string> names{"listen", "ops-listen", "queue-size", "queue-bytes", "shards"};
  EXPECT_EQ(nearest("lissten", names), "listen");
  EXPECT_EQ(nearest("lsiten", names), "listen");
  EXPECT_EQ(nearest("queue-sizes", names), "queue-size");
  EXPECT_EQ(nearest("shard", names), "shards");
  EXPECT_EQ(nearest("telemetry", names), std::nullopt);
  EXPECT_EQ(nearest("", names), std::nullopt);
  EXPECT_EQ(nearest(std::string(100'000, 's'), names), std::nullopt);
}

}  // namespace
}  // namespace gw
