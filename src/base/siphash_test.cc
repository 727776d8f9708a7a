#include "base/siphash.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "base/hex.h"

namespace gw {
namespace {

// The key and the messages of the authors' vectors: 00 01 02 ...
std::string counted(size_t size) {
  std::string bytes;
  for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

std::string hash_of(size_t size) {
  SipKey key;
  std::memcpy(&key, counted(16).data(), sizeof key);
  const SipHash hash = siphash(key, counted(size));
  return to_hex({reinterpret_cast<const unsigned char*>(&hash), sizeof hash});
}

TEST(SipHash, IsThatOfItsAuthors) {
  EXPECT_EQ(hash_of(0), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(hash_of(1), "da87c1d86b99af44347659119b22fc45");
  EXPECT_EQ(hash_of(7), "a1f1ebbed8dbc153c0b84aa61ff08239");
  EXPECT_EQ(hash_of(8), "3b62a9ba6258f5610f83e264f31497b4");
  EXPECT_EQ(hash_of(15), "5493e99933b0a8117e08ec0f97cfc3d9");
  EXPECT_EQ(hash_of(63), "5150d1772f50834a503e069a973fbd7c");
}

TEST(SipHash, DependsOnTheKey) {
  EXPECT_NE(siphash({1, 2}, "text"), siphash({1, 3}, "text"));
  EXPECT_NE(siphash(SipKey::random(), "text"), siphash(SipKey::random(), "text"));
}

}  // namespace
}  // namespace gw
