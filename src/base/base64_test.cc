// RFC 4648 10, and what is none.
#include "base/base64.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

TEST(Base64, AsTheRfcHasIt) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base64_encode(bytes), text);
    EXPECT_EQ(base64_decode(text), bytes);
  }
  EXPECT_EQ(base64_encode("\xFB\xFF"), "+/8=");
}

TEST(Base64, RefusesEverythingElse) {
  for (const char* text : {"Zg", "Zg=", "Z===", "=", "====", "Zh==", "Zm9v\n", "Zm9-", "Zg==Zg=="})
    EXPECT_FALSE(base64_decode(text)) << text;
}

TEST(Base64, ForUrlsHasNoPadding) {
  for (const std::string bytes : {"", "f", "fo", "foo", "\xFB\xFF", "\xFB\xEF\xBE"}) {
    const std::string text = base64url_encode(bytes);
    EXPECT_EQ(text.find_first_of("+/="), text.npos);
    EXPECT_EQ(base64url_decode(text), bytes);
  }
  EXPECT_EQ(base64url_encode("\xFB\xFF"), "-_8");
}

}  // namespace
}  // namespace gw
