#include "engine/redis/cluster_view.h"

#include <gtest/gtest.h>

namespace gw::redis {
namespace {

const HostPort kAsked{"seed", 7000};

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}
std::string integer(int64_t number) { return ":" + std::to_string(number) + "\r\n"; }
template <class... Parts>
std::string list(const Parts&... parts) {
  return "*" + std::to_string(sizeof...(parts)) + "\r\n" + (std::string() + ... + std::string(parts));
}
std::string node(const std::string& endpoint, int64_t port, std::string_view id) {
  return list(endpoint, integer(port), bulk(id), list());
}

ClusterView view(const std::string& slots, std::string_view nodes = "") {
  ReplyReader reader;
  EXPECT_TRUE(reader.feed(slots));
  const auto reply = reader.next();
  ClusterView out;
  if (!reply || !*reply) {
    ADD_FAILURE() << "no reply in " << slots;
    return out;
  }
  out.take_slots(Reply(*reply), kAsked);
  out.take_nodes(nodes);
  return out;
}
std::string master(const ClusterView& view, uint16_t slot) {
  const auto naming = view.master_of(slot);
  return naming ? naming->master.text() + " " + std::to_string(naming->epoch) : "nobody";
}

TEST(ClusterView, SaysWhoHasASlotAndHowNewTheClaimIs) {
  const ClusterView seen = view(list(list(integer(0), integer(99), node(bulk("10.0.0.1"), 7001, "aa"),
                                          node(bulk("10.0.0.4"), 7004, "dd")),
                                     list(integer(200), integer(16383), node(bulk("fd00::2"), 7002, "bb")),
                                     list(integer(100), integer(100), node(bulk("10.0.0.1"), 7001, "aa"))),
                                "aa 10.0.0.1:7001@17001,host-1 myself,master - 0 0 7 connected 0-100\n"
                                "bb fd00::2:7002@17002 master - 0 1426238316232 9 connected 200-16383\n"
                                "dd 10.0.0.4:7004@17004 slave aa 0 0 7 connected\n");
  EXPECT_EQ(master(seen, 0), "10.0.0.1:7001 7");
  EXPECT_EQ(master(seen, 99), "10.0.0.1:7001 7");
  EXPECT_EQ(master(seen, 100), "10.0.0.1:7001 7");
  EXPECT_EQ(master(seen, 101), "nobody") << "a hole";
  EXPECT_EQ(master(seen, 200), "[fd00::2]:7002 9");
  EXPECT_EQ(master(seen, 16383), "[fd00::2]:7002 9");
  const ClusterView::Nodes nodes{
      {"aa", {"10.0.0.1", 7001}}, {"bb", {"fd00::2", 7002}}, {"dd", {"10.0.0.4", 7004}}};
  EXPECT_EQ(seen.nodes(), nodes);
}

TEST(ClusterView, FindsTheAddressThatANodeAnnounces) {
  EXPECT_EQ(master(view(list(list(integer(0), integer(9), node(bulk("node-1.example"), 7001, "aa")))), 5),
            "node-1.example:7001 0");
  EXPECT_EQ(master(view(list(list(integer(0), integer(9), node(bulk(""), 7001, "aa")))), 5), "seed:7001 0")
      << "it has met nobody yet";
  EXPECT_EQ(master(view(list(list(integer(0), integer(9), node("$-1\r\n", 7001, "aa")))), 5), "seed:7001 0")
      << "all are behind one address";
  const std::string nameless = list(bulk("?"), integer(7001), bulk("aa"), list(bulk("ip"), bulk("10.0.0.1")));
  EXPECT_EQ(master(view(list(list(integer(0), integer(9), nameless))), 5), "10.0.0.1:7001 0");
  EXPECT_EQ(master(view(list(list(integer(0), integer(9), node(bulk("?"), 7001, "aa")))), 5), "nobody");
}

TEST(ClusterView, TakesNothingOfWhatItDoesNotUnderstand) {
  for (const std::string& answer : {std::string("*0\r\n"), std::string("*-1\r\n"), bulk("slots"), integer(3),
                                    list(integer(1), integer(2)), list(list(integer(0), integer(9))),
                                    list(list(integer(0), integer(9), list(), list())),
                                    list(list(integer(0), integer(9), node(bulk("h"), 0, "aa"))),
                                    list(list(integer(0), integer(9), node(bulk("h"), 65536, "aa")))}) {
    const ClusterView seen = view(answer, "aa\n\n \naa b c d e f x\naa b c d e f 99999999999999999999\n");
    EXPECT_EQ(master(seen, 5), "nobody") << answer;
    EXPECT_TRUE(seen.nodes().empty()) << answer;
  }
}

}  // namespace
}  // namespace gw::redis
