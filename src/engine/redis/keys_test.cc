#include "engine/redis/keys.h"

#include <gtest/gtest.h>

namespace gw::redis {
namespace {

TEST(Keys, BeginWithThePrefixAndPubSubNamesWithTheDatabaseToo) {
  const Keys keys("acme:", "gw-a", 2);
  EXPECT_EQ(keys.connection("ws_1"), "acme:connection:ws_1");
  EXPECT_EQ(keys.inbox("guide"), "acme:inbox:guide");
  EXPECT_EQ(keys.agents("guide"), "acme:@2:guide");
  EXPECT_EQ(keys.gateway("gw-a"), "acme:@2:gateway:gw-a");
  EXPECT_EQ(keys.events(), "acme:@2:events");
  EXPECT_EQ(keys.entries("guide"), "acme:@2:inbox:guide/feed");
  EXPECT_EQ(Keys("acme:", "gw-a", 0).agents("guide"), "acme:guide");
}

TEST(Keys, OfAUserAreEncoded) {
  const Keys keys("", "", 0);
  EXPECT_EQ(keys.user_connections("did:web:a"), "user:did%3Aweb%3Aa:connections");
  EXPECT_EQ(keys.owner_connections("red", "a:b"), "tenant:red:user:a%3Ab:connections");
}

TEST(Keys, ThatAChannelCouldFormAreReserved) {
  for (const char* name : {"events", "fanout:a", "gateway:", "connection:x", "channel:x", "user:x",
                           "session:x", "inbox:x", "run:x"}) {
    EXPECT_TRUE(Keys::is_reserved(name)) << name;
  }
  for (const char* name : {"guide", "event", "events:x", "fanout", "pillar:content", "my:gateway:"}) {
    EXPECT_FALSE(Keys::is_reserved(name)) << name;
  }
}

TEST(Keys, OfARunShareASlot) {
  const Keys keys("acme:", "gw-a", 2);
  EXPECT_EQ(keys.run("r1"), "acme:run:{r1}");
  EXPECT_EQ(keys.run_log("r1"), "acme:run:{r1}:log");
  EXPECT_EQ(keys.run_changes("r1"), "acme:@2:run:{r1}");
  EXPECT_EQ(keys.runs_open("ab"), "acme:runs:{ab}:open");
  EXPECT_EQ(keys.runs_kept("ab"), "acme:runs:{ab}:kept");
}

}  // namespace
}  // namespace gw::redis
