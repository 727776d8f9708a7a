#include "engine/redis/stream_id.h"

#include <gtest/gtest.h>

namespace gw::redis {
namespace {

TEST(StreamId, IsReadAsRedisWritesIt) {
  const auto id = StreamId::parse("1767323045678-12");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->ms, 1767323045678u);
  EXPECT_EQ(id->sequence, 12u);
  EXPECT_EQ(id->text(), "1767323045678-12");
  EXPECT_EQ(StreamId::parse("0-18446744073709551615")->text(), "0-18446744073709551615");
  for (const char* text : {"", "-", "1", "1-", "-1", "1-2-3", "a-1", "1-b", "+1-1", "1 -1", "01-1",
                           "18446744073709551616-0", "mabcdef-1"}) {
    EXPECT_FALSE(StreamId::parse(text)) << text;
  }
}

TEST(StreamId, IsOrderedByNumberNotByText) {
  EXPECT_LT(*StreamId::parse("9-0"), *StreamId::parse("10-0"));
  EXPECT_LT(*StreamId::parse("10-9"), *StreamId::parse("10-10"));
  EXPECT_EQ(*StreamId::parse("10-9"), *StreamId::parse("10-9"));
}

}  // namespace
}  // namespace gw::redis
