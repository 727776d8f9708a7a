#include "config/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_testing.h"
#include "config/settings.h"

namespace gw {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ConfigChange change(const std::string& before, const std::string& after) {
  return change_between(good(with_file(before)), good(with_file(after)));
}

TEST(Reload, NothingHasChangedInTheSameFile) {
  const ConfigChange none = change("shards = 2", "shards = 2");
  EXPECT_THAT(none.changed, IsEmpty());
  EXPECT_THAT(none.needs_restart, IsEmpty());  // though each load made an instance id of its own
}

TEST(Reload, WhatCountsAtOnceIsToldFromWhatNeedsARestart) {
  const ConfigChange both = change("", "message_rate = 7\nshards = 3\ninstance_id = \"b\"");
  EXPECT_THAT(both.changed, ElementsAre("message-rate"));
  EXPECT_THAT(both.needs_restart, ElementsAre("shards has changed, which needs a restart",
                                              "instance-id has changed, which needs a restart"));
}

TEST(Reload, ChannelsAreAddedAndNotTakenAway) {
  EXPECT_THAT(change("channels = [\"a\"]", "channels = [\"b\", \"a\"]").needs_restart, IsEmpty());
  const ConfigChange fewer = change("channels = [\"a\", \"b\"]", "channels = [\"b\"]");
  EXPECT_THAT(fewer.needs_restart, ElementsAre("channels: a is taken away, which needs a restart"));
}

TEST(Reload, KeysCountAndTheLastIsNotTakenAway) {
  const std::string key = "[[api_keys]]\nkey = \"0123456789abcdef\"\nrealm = \"r\"\nscopes = [\"send\"]\n";
  EXPECT_THAT(change("", key).changed, ElementsAre("api_keys"));
  EXPECT_EQ(change(key, "").needs_restart.size(), 1u);
  const auto with_root = [](const char* keys) {
    return good(Machine{{}, {{"GATEWAY_API_KEY", keys}}, ""}.load());
  };
  EXPECT_THAT(change_between(with_root("a"), with_root("b a")).changed, ElementsAre("GATEWAY_API_KEY"));
}

TEST(Reload, WhetherJwtsAreTakenIsSettledAtStart) {
  const char* const with_key = "jwt_key = \"public.pem\"\njwt_audience = \"us\"";
  EXPECT_EQ(change("", with_key).needs_restart.size(), 1u);
  EXPECT_THAT(change(with_key, "jwt_key = \"public.pem\"\njwt_audience = \"them\"").changed,
              ElementsAre("jwt-audience"));
}

TEST(Reload, EveryNameIsASettings) {
  size_t reloaded = 0;
  for (const Setting& setting : settings()) reloaded += is_reloaded(setting.name) ? 1 : 0;
  EXPECT_EQ(reloaded, kReloadedSettings);
}

}  // namespace
}  // namespace gw
