#include "engine/redis/cluster_slot.h"

#include <gtest/gtest.h>

namespace gw::redis {
namespace {

// https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/, appendix A and "Hash tags".
TEST(ClusterSlot, IsTheSpecifications) {
  EXPECT_EQ(crc16("123456789"), 0x31C3);
  EXPECT_EQ(crc16(""), 0);
  EXPECT_EQ(slot_of("{user1000}.following"), slot_of("{user1000}.followers"));
  EXPECT_EQ(hash_tag("{user1000}.following"), "user1000");
  EXPECT_EQ(hash_tag("foo{}{bar}"), "foo{}{bar}") << "the first tag is empty: none counts";
  EXPECT_EQ(hash_tag("foo{{bar}}zap"), "{bar");
  EXPECT_EQ(hash_tag("foo{bar}{zap}"), "bar");
  EXPECT_EQ(hash_tag("foo}{bar"), "foo}{bar");
}

// What CLUSTER KEYSLOT answers.
TEST(ClusterSlot, IsWhatServersSay) {
  EXPECT_EQ(slot_of("somekey"), 11058);
  EXPECT_EQ(slot_of("foo{hash_tag}"), 2515);
  EXPECT_EQ(slot_of("foo"), 12182);
  EXPECT_EQ(slot_of("bar"), 5061);
  EXPECT_EQ(slot_of("hello"), 866);
  EXPECT_EQ(slot_of("\xff\xfe"), 3374);
  EXPECT_EQ(slot_of(""), 0);
  EXPECT_EQ(slot_of("websocket:{5}:run:1"), 9974);
}

}  // namespace
}  // namespace gw::redis
