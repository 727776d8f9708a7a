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
    DialOptions options;
    options.url = url;
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
  static std::string names(const TestPeer& master) {
    const std::string port = std::to_string(master.address().port);
    return "*2\r\n$9\r\n127.0.0.1\r\n$" + std::to_string(port.size()) + "\r\n" + port + "\r\n";
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

TEST_F(DialTest, AsksTheNextSentinelWhereOneDoesNotKnow) {
  TestPeer master(loop_, kMaster), ignorant(loop_, "*-1\r\n"), knows(loop_, names(master));
  EXPECT_EQ(dial(sentinels({&ignorant, &knows})), "connected");
  EXPECT_NE(ignorant.heard().find("GET-MASTER-ADDR-BY-NAME"), std::string::npos);
}

TEST_F(DialTest, AsksTheNextSentinelWhereOneIsSilent) {
  TestPeer master(loop_, kMaster), silent(loop_, ""), knows(loop_, names(master));
  EXPECT_EQ(dial(sentinels({&silent, &knows}), 600ms), "connected");
  EXPECT_EQ(dial(sentinels({&silent}), 200ms).substr(0, 11), "no sentinel");
}

TEST_F(DialTest, DoesNotTakeAReplicaForTheMaster) {
  TestPeer replica(loop_, welcome("role:slave\r\nmaster_host:10.0.0.9\r\nmaster_port:6380\r\n"));
  TestPeer knows(loop_, names(replica));
  const std::string refused = "it is a replica of 10.0.0.9:6380; this needs the master";
  EXPECT_EQ(dial(sentinels({&knows})), refused);
  EXPECT_EQ(dial(server(replica)), refused);
}

TEST_F(DialTest, TellsNobodyOnceItIsCancelled) {
  TestPeer silent(loop_, "");
  DialOptions options;
  options.url = server(silent);
  options.timeout = 50ms;
  int answers = 0;
  const auto dial = Dial::start(loop_, options, [&](const Result<Dialled>&) { ++answers; });
  EXPECT_TRUE(turn_until(loop_, [&] { return !silent.heard().empty(); }));
  dial->cancel();
  const auto later = loop_.after(100ms, [&] { answers += 100; });
  EXPECT_TRUE(turn_until(loop_, [&] { return answers > 0; }));
  EXPECT_EQ(answers, 100);
}

}  // namespace
}  // namespace gw::redis
