#include "core/client_post.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

TEST(SendToken, SaysWhoseStreamItIsAndWhere) {
  const SendToken made = SendToken::make(ConnectionId::make(), "ws-gateway-a.b");
  const auto read = SendToken::parse(made.text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->connection, made.connection);
  EXPECT_EQ(read->secret, made.secret);
  EXPECT_EQ(read->instance, "ws-gateway-a.b");
  EXPECT_NE(SendToken::make(made.connection, "a").secret, made.secret);
}

TEST(SendToken, AnythingElseIsNone) {
  const std::string good = SendToken::make(ConnectionId::make(), "a").text();
  EXPECT_TRUE(SendToken::parse(good));
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(SendToken::parse(good.substr(0, size)));
  for (const std::string_view instance : {"a b", "a:b", "", "a\n", "a/b"})
    EXPECT_FALSE(SendToken::parse(good.substr(0, 65) + std::string(instance))) << instance;
  EXPECT_FALSE(SendToken::parse("g" + good.substr(1)));
  EXPECT_FALSE(SendToken::parse(good.substr(0, 64) + "-a"));
}

}  // namespace
}  // namespace gw
