#include "base/seal.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

const Digest kKey = sha256("key");

TEST(Seal, OpensWithItsKeyBesideTheSame) {
  for (const std::string& plain : {std::string(), std::string("text"), std::string(1000, '\0')}) {
    const std::string sealed = seal(kKey, plain, "beside");
    EXPECT_EQ(sealed.size(), plain.size() + 28);
    EXPECT_EQ(unseal(kKey, sealed, "beside"), plain);
    EXPECT_FALSE(unseal(kKey, sealed, "elsewhere"));
    EXPECT_FALSE(unseal(sha256("another"), sealed, "beside"));
  }
}

TEST(Seal, IsNeverTheSameTwiceAndShowsNothing) {
  const std::string once = seal(kKey, "a secret", ""), again = seal(kKey, "a secret", "");
  EXPECT_NE(once.substr(0, 12), again.substr(0, 12));
  EXPECT_NE(once.substr(12), again.substr(12));
  EXPECT_EQ(once.find("secret"), once.npos);
}

TEST(Seal, WhateverIsChangedOrMissingOpensNothing) {
  const std::string sealed = seal(kKey, "text", "");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(unseal(kKey, changed, "")) << i;
    EXPECT_FALSE(unseal(kKey, sealed.substr(0, i), "")) << i;
  }
  EXPECT_FALSE(unseal(kKey, sealed + "x", ""));
}

}  // namespace
}  // namespace gw
