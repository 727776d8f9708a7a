#include "core/run/hash.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace gw {
namespace {

std::string random_bytes(std::mt19937& random, size_t size) {
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random() & 0xff);
  return out;
}

// As a script has it: every number a double.
RunHash in_doubles(std::string_view bytes) {
  double one = 0, two = 0;
  for (const char c : bytes) {
    const double next = static_cast<double>(static_cast<unsigned char>(c)) + 1.0;
    one = std::fmod(one * 31415927.0 + next, 67108859.0);
    two = std::fmod(two * 27182819.0 + next, 67108837.0);
  }
  return {static_cast<uint32_t>(one), static_cast<uint32_t>(two)};
}

TEST(RunHash, IsWhatTheContractSays) {
  EXPECT_EQ(RunHash().text(), "00000000000000");
  // 97 + 1, and (98 * B + 98 + 1) mod M.
  EXPECT_EQ(RunHash::of("a").text(), "00000620000062");
  EXPECT_EQ(RunHash::of("ab").first, (98ULL * 31415927 + 99) % 67108859);
  EXPECT_EQ(RunHash::of("ab").second, (98ULL * 27182819 + 99) % 67108837);
  EXPECT_NE(RunHash::of(std::string(1, '\0')), RunHash()) << "a zero byte counts";
}

TEST(RunHash, IsExactInDoubles) {
  std::mt19937 random(1);
  for (int i = 0; i < 200; ++i) {
    const std::string bytes = random_bytes(random, random() % 3000);
    ASSERT_EQ(RunHash::of(bytes), in_doubles(bytes));
  }
  const std::string high(5000, '\xff');
  EXPECT_EQ(RunHash::of(high), in_doubles(high));
  // The largest product of a step and of a fold is a whole number that a double holds.
  EXPECT_LT((RunHash::kModulus1 - 1) * (RunHash::kModulus1 - 1) + RunHash::kModulus1, uint64_t{1} << 53);
  EXPECT_LT(RunHash::kModulus1 * RunHash::kBase1 + 256, uint64_t{1} << 53);
}

TEST(RunHash, Folds) {
  std::mt19937 random(2);
  for (int i = 0; i < 500; ++i) {
    const std::string x = random_bytes(random, random() % 2000), y = random_bytes(random, random() % 2000);
    const RunHash whole = RunHash::of(x + y);
    ASSERT_EQ(RunHash::of(x).then(y), whole);
    ASSERT_EQ(RunHash::of(x).then(RunHash::of(y), y.size()), whole);
  }
}

TEST(RunHash, ReadsOnlyWhatItWrites) {
  std::mt19937 random(3);
  for (int i = 0; i < 1000; ++i) {
    const RunHash hash = RunHash::of(random_bytes(random, 1 + random() % 9));
    ASSERT_EQ(hash.text().size(), 14u);
    ASSERT_EQ(RunHash::parse(hash.text()), hash);
  }
  for (const char* text : {"", "0000000000000", "000000000000000", "0000000000000g", "000000000000A0",
                           "3fffffb0000000", "00000003fffffe", "-0000000000000", " 0000000000000"})
    EXPECT_FALSE(RunHash::parse(text)) << text;
  EXPECT_TRUE(RunHash::parse("3fffffa3ffffe4"));
}

}  // namespace
}  // namespace gw
