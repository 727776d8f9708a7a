#include "core/run/trace.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

OpenSpan kept_span() {
  OpenSpan span = begin_span({}, protocol::new_trace(true), {}, 1'700'000'000'123'456'789);
  EXPECT_TRUE(span.kept());
  return span;
}

TEST(RunTrace, ASpanIsTheSameForWhoeverEndsIt) {
  for (const bool is_root : {false, true}) {
    OpenSpan span = kept_span();
    if (is_root) span.parent = {};
    const std::string text = text_of(span);
    EXPECT_EQ(text.size(), 92u) << text;
    const auto read = parse_open_span(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->context, span.context);
    EXPECT_EQ(read->parent, span.parent);
    EXPECT_EQ(read->started_at, 1'700'000'000'123'456'789);
  }
}

TEST(RunTrace, WhatIsNoSuchTextIsNoSpan) {
  const std::string text = text_of(kept_span());
  for (size_t size = 0; size < 74; ++size) EXPECT_FALSE(parse_open_span(text.substr(0, size))) << size;
  for (const char* const more : {" ", "x", "0", " 1"}) EXPECT_FALSE(parse_open_span(text + more)) << more;
  for (const size_t at : {0u, 2u, 5u, 55u, 60u, 72u, 73u}) {
    std::string broken = text;
    broken[at] = 'x';
    EXPECT_FALSE(parse_open_span(broken)) << broken;
  }
  OpenSpan not_kept = kept_span();
  not_kept.context.sampled = false;
  EXPECT_FALSE(parse_open_span(text_of(not_kept)));
}

}  // namespace
}  // namespace gw
