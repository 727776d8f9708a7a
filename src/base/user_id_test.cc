#include "base/user_id.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

TEST(UserId, TakesWhatIdentityProvidersMake) {
  for (const char* id :
       {"a", "ada", "auth0|5f7c8ec7c33c6c004bbafe82", "did:web:a.example", "o'brien@example.org",
        "google-oauth2|1038", "https://id.example/u/7?x=1&y=2", "CN=Ada\\,Lovelace,O=x", "ünï", "愛", "😀",
        "a*b", "%", "\"", "{}", "user:user:connections", "e\xcc\x81"}) {
    EXPECT_TRUE(is_valid_user_id(id)) << id;
  }
  EXPECT_TRUE(is_valid_user_id(std::string(256, 'x')));
}

TEST(UserId, RefusesBlanksAndWhatDoesNotShow) {
  for (const std::string& id : {std::string(),
                                std::string("a b"),
                                std::string(" a"),
                                std::string("a\n"),
                                std::string("a\tb"),
                                std::string("a\0b", 3),
                                std::string("\x7f"),
                                std::string("\xc2\x85"),
                                std::string("a\xc2\xa0z"),
                                std::string("a\xe2\x80\x8bz"),
                                std::string("\xe2\x80\xae"),
                                std::string("\xe3\x80\x80"),
                                std::string("\xef\xbb\xbfx"),
                                std::string("\xef\xbf\xbf"),
                                std::string("\xf3\xa0\x81\x81"),
                                std::string("a\xff"),
                                std::string("\xc0\x80"),
                                std::string("\xed\xa0\x80"),
                                std::string("\xe6\x84"),
                                std::string(257, 'x')}) {
    EXPECT_FALSE(is_valid_user_id(id)) << id;
  }
}

TEST(UserId, IsEncodedWhereItBecomesAName) {
  EXPECT_EQ(encode_user_id("A-z.0_9@b+c=d"), "A-z.0_9@b+c=d");
  EXPECT_EQ(encode_user_id("did:web:a"), "did%3Aweb%3Aa");
  EXPECT_EQ(encode_user_id("auth0|5f%7C"), "auth0%7C5f%257C");
  EXPECT_EQ(encode_user_id("\xc3\xbc*"), "%C3%BC%2A");
}

}  // namespace
}  // namespace gw
