#include "core/outbox.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace gw {
namespace {

constexpr size_t kMax = 1000;

std::string gathered(const Outbox& outbox) {
  std::array<iovec, 8> parts;
  std::string text;
  const size_t count = outbox.gather(parts);
  for (size_t i = 0; i < count; ++i)
    text.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
  return text;
}

TEST(Outbox, WritesFramesInOrderAcrossPartialWrites) {
  Outbox outbox;
  ASSERT_TRUE(outbox.push(make_frame("hello "), false, kMax));
  ASSERT_TRUE(outbox.push(make_frame("world"), false, kMax));
  EXPECT_EQ(gathered(outbox), "hello world");
  outbox.consume(3);
  EXPECT_EQ(gathered(outbox), "lo world");
  outbox.consume(5);
  EXPECT_EQ(gathered(outbox), "rld");
  outbox.consume(3);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.bytes(), 0u);
}

TEST(Outbox, RefusesWhatWouldExceedTheBoundAndKeepsTheRest) {
  Outbox outbox;
  const std::string half(kMax / 2 - Outbox::kFrameOverhead, 'x');
  EXPECT_TRUE(outbox.push(make_frame(half), false, kMax));
  EXPECT_TRUE(outbox.push(make_frame(half), false, kMax));
  EXPECT_FALSE(outbox.push(make_frame("y"), false, kMax));
  EXPECT_EQ(outbox.bytes(), kMax);
}

TEST(Outbox, ChargesTinyFramesForTheirBookkeeping) {
  Outbox outbox;
  size_t taken = 0;
  while (outbox.push(make_frame("x"), false, kMax)) ++taken;
  EXPECT_EQ(taken, kMax / (Outbox::kFrameOverhead + 1));
}

TEST(Outbox, DropsOnlyWhatHasNotBegun) {
  Outbox outbox;
  ASSERT_TRUE(outbox.push(make_frame("first"), false, kMax));
  ASSERT_TRUE(outbox.push(make_frame("second"), false, kMax));
  outbox.consume(2);
  outbox.drop_unstarted();
  EXPECT_EQ(gathered(outbox), "rst");
  ASSERT_TRUE(outbox.push(make_frame("bye"), false, kMax));
  EXPECT_EQ(gathered(outbox), "rstbye");
  outbox.consume(6);
  EXPECT_EQ(outbox.bytes(), 0u);
}

TEST(Outbox, KeepsItsMemoryBoundedWhenItNeverRunsEmpty) {
  Outbox outbox;
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_TRUE(outbox.push(make_frame("abcd"), false, kMax));
    if (i > 2) outbox.consume(4);
  }
  EXPECT_EQ(outbox.bytes(), 3 * (4 + Outbox::kFrameOverhead));
}

TEST(Outbox, IsAPointerAndHasNothingWhenAllIsDropped) {
  EXPECT_EQ(sizeof(Outbox), sizeof(void*));
  Outbox outbox;
  outbox.drop_unstarted();
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(outbox.push(make_frame(std::to_string(i % 10)), false, 10 * kMax));
  outbox.consume(20);
  EXPECT_EQ(gathered(outbox), "01234567");  // as many as there is room for
  EXPECT_EQ(outbox.bytes(), 20 * (1 + Outbox::kFrameOverhead));
  Outbox moved = std::move(outbox);
  moved.drop_unstarted();
  EXPECT_TRUE(moved.empty());
  EXPECT_EQ(moved.bytes(), 0u);
  EXPECT_EQ(gathered(moved), "");
}

TEST(Outbox, SendsTheDeflatedFormOnlyWhereItWasNegotiated) {
  const FramePtr frame(new Frame("plain", "small"));
  Outbox outbox;
  ASSERT_TRUE(outbox.push(frame, false, kMax));
  ASSERT_TRUE(outbox.push(frame, true, kMax));
  EXPECT_EQ(gathered(outbox), "plainsmall");
}

}  // namespace
}  // namespace gw
