// RFC 4231, test case 2.
#include "base/hmac.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace gw {
namespace {

TEST(Hmac, AsTheRfcHasIt) {
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256("", "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

}  // namespace
}  // namespace gw
