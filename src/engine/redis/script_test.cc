#include "engine/redis/script.h"

#include <gtest/gtest.h>

#include "engine/redis/keys.h"

namespace gw::redis {
namespace {

using Words = std::vector<std::string_view>;

TEST(Script, FindsWhatItTakesAsLocals) {
  const Script script({.keys = {"lease", "gateways"}, .arguments = {"me"}}, "return me\n");
  EXPECT_EQ(script.source(),
            "local lease, gateways = KEYS[1], KEYS[2]\nlocal me = ARGV[1]\nlocal more = 2\nreturn me\n");
  const Script bare({.without_memory = true}, "return 1\n");
  EXPECT_EQ(bare.source(), "#!lua flags=allow-oom\nlocal more = 1\nreturn 1\n");
}

TEST(Script, IsGivenThemByNameInAnyOrder) {
  const Script script({.keys = {"a", "b"}, .arguments = {"c", "d"}}, "");
  const Words more{"x", "y"};
  const Words expected{"EVALSHA", script.call({{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}, {})[1],
                       "2",       "1",
                       "2",       "3",
                       "4",       "x",
                       "y"};
  EXPECT_EQ(script.call({{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}, more), expected);
  EXPECT_EQ(script.call({{"d", "4"}, {"a", "1"}, {"c", "3"}, {"b", "2"}}, more), expected);
}

TEST(Script, DeclaresTheGuardAndSpeaksToTheShardOnACluster) {
  const Script script({.keys = {"a"}, .arguments = {"c"}},
                      "redis.call('PUBLISH', a, c)\nredis.pcall('PUBLISH', a, c)\n"
                      "return redis.call('PUBSUB', 'NUMSUB', a)\n");
  EXPECT_EQ(script.source(true),
            "local a = KEYS[1]\nlocal c = ARGV[1]\nlocal more = 2\nredis.call('SPUBLISH', a, c)\n"
            "redis.pcall('SPUBLISH', a, c)\nreturn redis.call('PUBSUB', 'SHARDNUMSUB', a)\n");
  EXPECT_EQ(script.source().find("SPUBLISH"), std::string::npos);
  const Words more{"x"};
  const auto words = script.call({{"a", "1"}, {"c", "3"}}, more, "guard");
  EXPECT_NE(words[1], script.call({{"a", "1"}, {"c", "3"}}, more)[1]);
  EXPECT_EQ(Words(words.begin() + 2, words.end()), (Words{"2", "1", "guard", "3", "x"}));
}

TEST(ScriptDeathTest, KnowsNoOtherNames) {
  const Script script({.arguments = {"c", "d"}}, "");
  EXPECT_DEATH(script.call({{"c", "3"}, {"e", "4"}}, {}), "");
  EXPECT_DEATH(script.call({{"c", "3"}}, {}), "");
  EXPECT_DEATH(script.call({{"c", "3"}, {"d", "4"}, {"e", "5"}}, {}), "");
}

TEST(Script, MakesNamesAsKeysDo) {
  const Keys names("", "", 0);
  EXPECT_EQ(lua_name("lease", names.lease(kNameA)),
            "local function lease(a, b) return prefix .. 'gateway:' .. a .. ':lease' end\n");
  EXPECT_EQ(lua_name("session", names.session(kNameA)),
            "local function session(a, b) return prefix .. 'session:' .. a end\n");
  EXPECT_EQ(
      lua_name("owner", names.owner_connections(kNameA, kNameB)),
      "local function owner(a, b) return prefix .. 'tenant:' .. a .. ':user:' .. b .. ':connections' end\n");
  EXPECT_EQ(lua_local("places", names.inbox_places(kNameA)),
            "local places = prefix .. 'channel:' .. channel .. ':inbox:waiting'\n");
  EXPECT_EQ(lua_local("agents", names.agents(kNameA), "pubsub_prefix"),
            "local agents = pubsub_prefix .. channel\n");
  EXPECT_EQ(lua_local("waiting", names.waiting()), "local waiting = prefix .. 'waiting'\n");
}

}  // namespace
}  // namespace gw::redis
