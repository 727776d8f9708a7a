#include "post_office/console/page.h"

#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "base/digest.h"

namespace gw {
namespace {

// RFC 4648, section 4, for the 32 octets of a SHA-256.
std::string base64(const Digest& digest) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  unsigned bits = 0;
  int held = 0;
  for (unsigned char octet : digest) {
    bits = (bits << 8) | octet;
    for (held += 8; held >= 6;) text += kAlphabet[(bits >> (held -= 6)) & 63];
  }
  text += kAlphabet[(bits << (6 - held)) & 63];
  return text + "=";
}

std::string_view block(std::string_view open, std::string_view close) {
  const std::string_view page = console_page();
  const size_t begin = page.find(open) + open.size();
  return page.substr(begin, page.find(close, begin) - begin);
}

size_t count(std::string_view needle) {
  size_t found = 0;
  const std::string_view page = console_page();
  for (size_t at = page.find(needle); at != page.npos; at = page.find(needle, at + 1)) ++found;
  return found;
}

TEST(ConsolePage, PolicyAllowsTheTwoInlineBlocksAndNothingElse) {
  EXPECT_EQ(count("<style"), 1u);
  EXPECT_EQ(count("<script"), 1u);
  const auto style = base64(sha256(block("<style>", "</style>")));
  const auto script = base64(sha256(block("<script type=\"module\">", "</script>")));
  EXPECT_EQ(console_policy(), "default-src 'none'; connect-src 'self'; img-src data:; style-src 'sha256-" +
                                  style + "'; script-src 'sha256-" + script +
                                  "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                                  "require-trusted-types-for 'script'; trusted-types 'none'");
}

TEST(ConsolePage, IsWholeAndFilledIn) {
  EXPECT_TRUE(console_page().starts_with("<!doctype html>"));
  EXPECT_TRUE(console_page().ends_with("</html>\n"));
  EXPECT_EQ(count("@STYLE@"), 0u);
  EXPECT_EQ(count("@SCRIPT@"), 0u);
}

// The policy would block these: a page that has them is broken, not unsafe.
TEST(ConsolePage, HasNoInlineHandlerNoStyleAttributeAndNoForeignAddress) {
  const std::string page(console_page());
  EXPECT_FALSE(std::regex_search(page, std::regex(R"(\son[a-z]+=["'])")));
  EXPECT_FALSE(std::regex_search(page, std::regex(R"(\sstyle=["'])")));
  EXPECT_FALSE(std::regex_search(page, std::regex(R"((src|href|action)=["']?(https?:)?//)")));
}

}  // namespace
}  // namespace gw
