// From an address to a connection. Real sentinels, passwords and certificates are the black-box tests'.
#include "engine/redis/dial.h"

#include "engine/redis/server_testing.h"
#include "net/peer_testing.h"

namespace gw::redis {
namespace {

std::string bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
// To INFO, CLIENT SETNAME and PING.
std::string welcome(const std::string& info) { return bulk(info) + "+OK\r\n+PONG\r\n"; }
const std::string kMaster = welcome("# Server\r\nrun_id:abc\r\n# Replication\r\nrole:master\r\n");

class DialTest : public testing::Test {
 protected:
  // "connected", or what went wrong.
  std::string dial(const Url& url, Duration timeout = 5s) {
    Sentinels asked(loop_, url, "", [] {});
    ClusterMap map(loop_, url, "");
    DialOptions options;
    options.url = url;
    options.sentinels = &asked;
    options.cluster = &map;
    options.guard_key = "guard";
    options.client_name = "test";
    options.timeout = timeout;
    std::string outcome;
    const auto dial = Dial::start(loop_, options, [&](const Result<Dialled>& dialled) {
      EXPECT_EQ(outcome, "");
      outcome = dialled ? "connected" : dialled.error().detail;
      if (dialled) dialled->link->close({Errc::closed, "done"});
    });
    EXPECT_TRUE(turn_until(loop_, [&] { return !outcome.empty(); }));
    dial->cancel();
    loop_.turn(0ms);
    return outcome;
  }
  static Url server(const TestPeer& peer) {
    Url url;
    url.hosts = {peer.address()};
    return url;
  }
  static Url sentinels(std::initializer_list<const TestPeer*> peers) {
    Url url;
    for (const TestPeer* peer : peers) url.hosts.push_back(peer->address());
    url.sentinel_master = "mymaster";
    return url;
  }
  // To GET-MASTER-ADDR-BY-NAME and MASTER.
  static std::string names(const TestPeer& master, int epoch = 0) {
    const std::string port = std::to_string(master.address().port);
    return "*2\r\n" + bulk("127.0.0.1") + bulk(port) + "*2\r\n" + bulk("config-epoch") +
           bulk(std::to_string(epoch));
  }

  EventLoop loop_;
};

TEST_F(DialTest, ReachesAServerOverASocket) {
  EXPECT_EQ(dial(TestServer::shared().url()), "connected");
  Url other = TestServer::shared().url();
  other.database = 3;
  EXPECT_EQ(dial(other), "connected");
  other.database = 999'999;
  EXPECT_NE(dial(other).find("DB index is out of range"), std::string::npos);
  other = TestServer::shared().url();
  other.password = "hush";
  const std::string refused = dial(other);
  EXPECT_NE(refused.find("AUTH"), std::string::npos) << refused;
  EXPECT_EQ(refused.find("hush"), std::string::npos);
  other.socket_path += "-not-there";
  EXPECT_NE(dial(other).find("can't connect"), std::string::npos);
}

TEST_F(DialTest, GivesUpOnASilentServer) {
  TestPeer silent(loop_, "");
  EXPECT_EQ(dial(server(silent), 100ms), "no connection within 100ms");
}

TEST_F(DialTest, TakesNoOtherServerForRedis) {
  TestPeer web(loop_, "HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_NE(dial(server(web)).find("not the Redis protocol"), std::string::npos);
  TestPeer loading(loop_, bulk("role:master") + "+OK\r\n-LOADING Redis is loading the dataset in memory\r\n");
  EXPECT_NE(dial(server(loading)).find("LOADING"), std::string::npos);
}

TEST_F(DialTest, PassesOverASentinelThatDoesNotKnow) {
  TestPeer master(loop_, kMaster), ignorant(loop_, "*-1\r\n"), knows(loop_, names(master));
  EXPECT_EQ(dial(sentinels({&ignorant, &knows})), "connected");
  EXPECT_NE(ignorant.heard().find("GET-MASTER-ADDR-BY-NAME"), std::string::npos);
}

TEST_F(DialTest, PassesOverASentinelThatIsSilent) {
  TestPeer master(loop_, kMaster), silent(loop_, ""), knows(loop_, names(master));
  EXPECT_EQ(dial(sentinels({&silent, &knows})), "connected");
  EXPECT_EQ(dial(sentinels({&silent})).substr(0, 11), "no sentinel");
}

TEST_F(DialTest, BelievesTheNewestNaming) {
  TestPeer master(loop_, kMaster), old(loop_, kMaster);
  TestPeer knows(loop_, names(master, 7)), stale(loop_, names(old, 6)), too(loop_, names(old, 6));
  EXPECT_EQ(dial(sentinels({&stale, &knows, &too})), "connected");
  EXPECT_NE(master.heard(), "");
  EXPECT_EQ(old.heard(), "");
}

TEST_F(DialTest, SaysWhichSentinelRefusesAndWhatItNeeds) {
  TestPeer refuses(loop_, "-NOAUTH Authentication required.\r\n");
  const std::string why = dial(sentinels({&refuses}));
  EXPECT_NE(why.find("sentinel " + refuses.address().text() + ": Redis: NOAUTH"), std::string::npos) << why;
  EXPECT_NE(why.find("sentinel_password"), std::string::npos) << why;
  Url url = sentinels({&refuses});
  url.sentinel_user = "u";
  url.sentinel_password = "p";
  dial(url);
  EXPECT_NE(refuses.heard().find("AUTH\r\n$1\r\nu\r\n$1\r\np\r\n"), std::string::npos);
}

TEST(Newest, IsBelievedUnlessMostGoBack) {
  const HostPort a{"a", 1}, b{"b", 1};
  const auto master = [](const std::vector<Naming>& answers, const std::optional<Naming>& known) {
    const auto found = newest(answers, 3, known);
    return found ? found->master.host : "nobody";
  };
  EXPECT_EQ(master({}, Naming{a, 3}), "nobody");
  EXPECT_EQ(master({{a, 3}}, {}), "a");
  EXPECT_EQ(master({{a, 3}, {b, 4}, {a, 3}}, {}), "b");
  EXPECT_EQ(master({{b, 4}}, Naming{a, 3}), "b");
  EXPECT_EQ(master({{b, 2}}, Naming{a, 3}), "a") << "one alone may be of the past";
  EXPECT_EQ(master({{b, 0}, {b, 0}}, Naming{a, 3}), "b") << "set up anew";
  EXPECT_EQ(master({{b, 3}, {a, 3}, {b, 3}}, Naming{a, 3}), "b");
}

TEST_F(DialTest, DoesNotTakeAReplicaForTheMaster) {
  const std::string info = welcome("role:slave\r\nmaster_host:10.0.0.9\r\nmaster_port:6380\r\n");
  TestPeer replica(loop_, info), named(loop_, info), knows(loop_, names(named));
  const std::string refused = "it is a replica of 10.0.0.9:6380; this needs the master";
  EXPECT_EQ(dial(sentinels({&knows})), refused);
  EXPECT_EQ(dial(server(replica)), refused);
}

TEST_F(DialTest, SaysWhatTheServerIsWhenItIsNone) {
  TestPeer node(loop_, welcome("redis_mode:cluster\r\nrun_id:abc\r\nrole:master\r\n"));
  EXPECT_NE(dial(server(node)).find("redis+cluster://"), std::string::npos);
  TestPeer sentinel(loop_, welcome("redis_mode:sentinel\r\nrun_id:abc\r\n"));
  EXPECT_NE(dial(server(sentinel)).find("redis+sentinel://"), std::string::npos);
}

// To CLUSTER SLOTS and CLUSTER NODES: all slots are that one's.
std::string whole(const HostPort& master) {
  return "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n" + bulk(master.host) + ":" + std::to_string(master.port) +
         "\r\n" + bulk("aa") + bulk("aa - master - 0 0 1 connected 0-16383\n");
}
// To INFO, CLIENT SETNAME, EXISTS and PING.
std::string node(const std::string& has_slot, const std::string& mode = "cluster") {
  return bulk("redis_mode:" + mode + "\r\nrun_id:abc\r\nrole:master\r\n") + "+OK\r\n" + has_slot +
         "+PONG\r\n";
}

TEST_F(DialTest, AsksAClustersMasterForTheSlot) {
  const std::pair<const char*, const char*> kCases[] = {
      {":0\r\n", "connected"},
      {"-ASK 7 10.0.0.1:1\r\n", "connected"},
      {"-TRYAGAIN Multiple keys\r\n", "connected"},
      {"-MOVED 7 10.0.0.1:1\r\n", "Redis: MOVED 7 10.0.0.1:1"},
      {"-CLUSTERDOWN Hash slot not served\r\n",
       "Redis: CLUSTERDOWN Hash slot not served (see CLUSTER INFO and CLUSTER NODES on this node)"}};
  for (const auto& [answer, outcome] : kCases) {
    TestPeer master(loop_, node(answer)), knows(loop_, whole(master.address()));
    Url url = server(knows);
    url.is_cluster = true;
    EXPECT_EQ(dial(url), outcome);
    EXPECT_NE(master.heard().find("EXISTS\r\n$5\r\nguard"), std::string::npos);
  }
}

TEST_F(DialTest, TakesNoSingleServerForANodeOfACluster) {
  TestPeer single(loop_, node(":0\r\n", "standalone")), knows(loop_, whole(single.address()));
  Url url = server(knows);
  url.is_cluster = true;
  EXPECT_NE(dial(url).find("redis://host:port"), std::string::npos);
}

TEST_F(DialTest, ShowsWhatAFullServerSays) {
  TestPeer full(loop_, "-ERR max number of clients reached\r\n");
  const std::string why = dial(server(full));
  EXPECT_NE(why.find("max number of clients reached"), std::string::npos) << why;
  EXPECT_NE(why.find("maxclients"), std::string::npos) << why;
}

TEST_F(DialTest, TellsNobodyOnceItIsCancelled) {
  TestPeer silent(loop_, "");
  DialOptions options;
  options.url = server(silent);
  options.timeout = 500ms;
  int answers = 0;
  const auto dial = Dial::start(loop_, options, [&](const Result<Dialled>&) { ++answers; });
  EXPECT_TRUE(turn_until(loop_, [&] { return !silent.heard().empty(); }));
  dial->cancel();
  const auto later = loop_.after(600ms, [&] { answers += 100; });
  EXPECT_TRUE(turn_until(loop_, [&] { return answers > 0; }));
  EXPECT_EQ(answers, 100);
}

}  // namespace
}  // namespace gw::redis
