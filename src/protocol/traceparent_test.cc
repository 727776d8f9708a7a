#include "protocol/traceparent.h"

#include <gtest/gtest.h>

namespace gw::protocol {
namespace {

const std::string kValid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

bool is_valid_traceparent(std::string_view text) { return parse_traceparent(text).has_value(); }

std::string with(size_t at, std::string_view piece) {
  return std::string(kValid).replace(at, piece.size(), piece);
}

TEST(Traceparent, ReadsAndWritesVersionZero) {
  const auto context = parse_traceparent(kValid);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id[0], 0x0a);
  EXPECT_EQ(context->parent_id[7], 0x31);
  EXPECT_TRUE(context->sampled);
  std::string out;
  append_traceparent(out, *context);
  EXPECT_EQ(out, kValid);
}

TEST(Traceparent, OnlyTheSampledFlagIsOurs) {
  EXPECT_FALSE(parse_traceparent(with(53, "00"))->sampled);
  EXPECT_FALSE(parse_traceparent(with(53, "fe"))->sampled);
  EXPECT_TRUE(parse_traceparent(with(53, "ff"))->sampled);
}

TEST(Traceparent, RefusesWhatTheSpecificationCallsInvalid) {
  EXPECT_FALSE(is_valid_traceparent(""));
  EXPECT_FALSE(is_valid_traceparent(kValid.substr(0, 54)));
  EXPECT_FALSE(is_valid_traceparent(kValid + "-"));
  EXPECT_FALSE(is_valid_traceparent(kValid + "-extra"));
  EXPECT_FALSE(is_valid_traceparent(" " + kValid));
  EXPECT_FALSE(is_valid_traceparent(with(0, "ff")));
  EXPECT_FALSE(is_valid_traceparent(with(0, "0g")));
  EXPECT_FALSE(is_valid_traceparent(with(3, "0A")));
  EXPECT_FALSE(is_valid_traceparent(with(36, "B7")));
  EXPECT_FALSE(is_valid_traceparent(with(53, "0G")));
  EXPECT_FALSE(is_valid_traceparent(with(2, "_")));
  EXPECT_FALSE(is_valid_traceparent(with(35, "_")));
  EXPECT_FALSE(is_valid_traceparent(with(52, "_")));
  EXPECT_FALSE(is_valid_traceparent(with(3, std::string(32, '0'))));
  EXPECT_FALSE(is_valid_traceparent(with(36, std::string(16, '0'))));
}

TEST(Traceparent, ALaterVersionMayGoOn) {
  EXPECT_TRUE(is_valid_traceparent(with(0, "01")));
  EXPECT_TRUE(is_valid_traceparent(with(0, "cc") + "-what-comes-later"));
  EXPECT_FALSE(is_valid_traceparent(with(0, "cc") + "x"));
}

TEST(Traceparent, NothingButIdsAndTheSampledFlagGoesOn) {
  for (const std::string& text : {with(0, "cc") + "-\xff\xfe", with(0, "01"), with(53, "ff")}) {
    std::string out;
    append_traceparent(out, *parse_traceparent(text));
    EXPECT_EQ(out, kValid) << text;
  }
}

TEST(Traceparent, ANewTrace) {
  const TraceContext root = new_trace(true);
  EXPECT_TRUE(root.sampled);
  EXPECT_NE(new_trace(false).trace_id, root.trace_id);
  std::string out;
  append_traceparent(out, root);
  EXPECT_EQ(parse_traceparent(out), root);
}

}  // namespace
}  // namespace gw::protocol
