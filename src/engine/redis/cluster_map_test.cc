// Who has a slot, as nodes say it: some of them silent, some of the past.
#include "engine/redis/cluster_map.h"

#include "engine/redis/cluster_testing.h"
#include "net/peer_testing.h"

namespace gw::redis {
namespace {

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

class ClusterMapTest : public testing::Test {
 protected:
  // To CLUSTER SLOTS and CLUSTER NODES: all slots are that one's.
  static std::string names(const HostPort& master, int epoch) {
    return "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n" + bulk(master.host) + ":" + std::to_string(master.port) +
           "\r\n" + bulk("aa") +
           bulk("aa " + master.text() + "@1 master - 0 0 " + std::to_string(epoch) + " connected 0-16383\n");
  }
  static Url of(std::initializer_list<const TestPeer*> nodes) {
    Url url;
    url.is_cluster = true;
    for (const TestPeer* node : nodes) url.hosts.push_back(node->address());
    return url;
  }
  std::string ask(ClusterMap& map, uint16_t slot) {
    std::string found;
    map.ask(slot, [&](const Result<HostPort>& master) {
      found = master ? master->text() : "! " + master.error().detail;
    });
    EXPECT_TRUE(turn_until(loop_, [&] { return !found.empty(); }));
    return found;
  }
  std::string ask(const Url& url, uint16_t slot = 7) {
    ClusterMap map(loop_, url, "");
    return ask(map, slot);
  }

  EventLoop loop_;
};

TEST_F(ClusterMapTest, BelievesTheNewestClaim) {
  TestPeer knows(loop_, names({"new", 1}, 7)), stale(loop_, names({"old", 1}, 6)),
      too(loop_, names({"old", 1}, 6));
  EXPECT_EQ(ask(of({&stale, &knows, &too})), "new:1");
  EXPECT_NE(knows.heard().find("SLOTS"), std::string::npos);
}

TEST_F(ClusterMapTest, PassesOverTheSilentAndTheIgnorant) {
  TestPeer silent(loop_, ""), loading(loop_, "-LOADING\r\n"), knows(loop_, names({"new", 1}, 7));
  EXPECT_EQ(ask(of({&silent, &loading, &knows})), "new:1");
}

TEST_F(ClusterMapTest, SaysWhoRefusesAndWhy) {
  TestPeer refuses(loop_, "-NOAUTH Authentication required.\r\n");
  const std::string why = ask(of({&refuses}));
  EXPECT_NE(why.find("no node of the cluster answers (" + refuses.address().text() + ": Redis: NOAUTH"),
            std::string::npos)
      << why;
  TestPeer plain(loop_, "-ERR This instance has cluster support disabled\r\n");
  EXPECT_NE(ask(of({&plain})).find("cluster support disabled"), std::string::npos);
}

TEST_F(ClusterMapTest, SaysThatNobodyHasTheSlot) {
  TestPeer empty(loop_, "*0\r\n" + bulk(""));
  EXPECT_EQ(ask(of({&empty}), 9), "! the cluster has no master for slot 9");
}

TEST_F(ClusterMapTest, LogsIn) {
  TestPeer node(loop_, "+OK\r\n" + names({"new", 1}, 7));
  Url url = of({&node});
  url.user = "u";
  url.password = "p";
  EXPECT_EQ(ask(url), "new:1");
  EXPECT_NE(node.heard().find("AUTH\r\n$1\r\nu\r\n$1\r\np\r\n"), std::string::npos);
}

TEST_F(ClusterMapTest, FindsTheMastersOfARealCluster) {
  const TestCluster& cluster = TestCluster::shared();
  ClusterMap map(loop_, cluster.url(), "");
  EXPECT_EQ(ask(map, 0), cluster.address(0).text());
  EXPECT_EQ(ask(map, 8000), cluster.address(1).text());
  EXPECT_EQ(ask(map, 16383), cluster.address(2).text());
}

TEST_F(ClusterMapTest, TellsWhoWatchesASlotThatItsMasterIsAnother) {
  TestCluster cluster(1500);
  ClusterMap map(loop_, cluster.url(), "");
  int told = 0, told_too = 0, told_others = 0;
  const auto watch = map.watch(0, [&] { ++told; });
  auto given_up = map.watch(0, [&] { ++told_too; });
  const auto other = map.watch(16383, [&] { ++told_others; });
  ask(map, 0);
  ask(map, 16383);
  given_up.reset();
  ASSERT_EQ(cluster.ask(3, {"CLUSTER", "FAILOVER"}), "OK");
  EXPECT_TRUE(turn_until(loop_, [&] { return told > 0; })) << "at a glance";
  EXPECT_EQ(ask(map, 0), cluster.address(3).text());
  cluster.kill(2);
  EXPECT_TRUE(turn_until(loop_, [&] { return told_others > 0; }));
  EXPECT_EQ(ask(map, 16383), cluster.address(5).text());
  EXPECT_EQ(std::pair(told, told_too), std::pair(1, 0));
}

}  // namespace
}  // namespace gw::redis
