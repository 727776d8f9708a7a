#include "net/http/out_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace gw::http {
namespace {

TEST(OutBuffer, BeginsEmpty) {
  OutBuffer out;
  EXPECT_TRUE(out.empty());
  EXPECT_EQ(out.front(), "");
}

TEST(OutBuffer, WhatIsAppendedToAnEmptyTailLeavesNothingInTheWay) {
  OutBuffer out;
  out.tail() += std::string(70'000, 'a');
  out.tail();  // a new piece, to which nothing is appended
  EXPECT_EQ(out.size(), 70'000u);
  out.consume(70'000);
  EXPECT_TRUE(out.empty());
  out.tail() += "b";
  EXPECT_EQ(out.front(), "b");
}

TEST(OutBuffer, PiecesAreNotMoved) {
  OutBuffer out;
  out.tail() += std::string(70'000, 'a');
  const char* const at = out.front().data();
  out.consume(10'000);
  for (int i = 0; i < 100; ++i) out.tail() += std::string(10'000, 'b');
  EXPECT_EQ(out.front().data(), at + 10'000);
  EXPECT_EQ(out.front().size(), 60'000u);
  EXPECT_EQ(out.size(), 1'060'000u);
}

TEST(OutBuffer, GivesItsMemoryBackWhenCleared) {
  OutBuffer out;
  for (int i = 0; i < 3; ++i) out.tail() += std::string(100'000, 'a');
  out.clear();
  EXPECT_TRUE(out.empty());
  EXPECT_LT(out.tail().capacity(), 100u);
}

// Beside a string to which the same happens.
TEST(OutBuffer, GivesWhatItGotInAnyHistory) {
  std::mt19937 random(7);
  OutBuffer out;
  std::string model;
  char next = 'a';
  for (int step = 0; step < 20'000; ++step) {
    ASSERT_EQ(out.size(), model.size());
    ASSERT_EQ(out.empty(), model.empty());
    ASSERT_EQ(out.front().empty(), model.empty());
    ASSERT_TRUE(model.starts_with(out.front()));
    const auto dice = random() % 100;
    if (dice < 50) {
      const size_t bytes = random() % (dice < 3 ? 200'000 : 3'000);
      out.tail().append(bytes, next);
      model.append(bytes, next);
      next = next == 'z' ? 'a' : static_cast<char>(next + 1);
    } else if (dice < 98) {
      const size_t bytes = std::min<size_t>(out.front().size(), random() % 100'000);
      out.consume(bytes);
      model.erase(0, bytes);
      if (model.empty()) out.retain(random() % 2 ? 0 : 100'000);
    } else if (dice == 98) {
      out.clear();
      model.clear();
    }
  }
}

}  // namespace
}  // namespace gw::http
