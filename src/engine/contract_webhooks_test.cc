// What a store of webhooks promises, on both engines.
#include "core/webhook_store.h"
#include "engine/contract_testing.h"

namespace gw {
namespace {

Webhook webhook(const std::string& id, const std::string& realm = "shop") {
  Webhook made;
  made.id = id;
  made.channel = "guide";
  made.callback = "https://hooks.example.org/\"in\"";
  made.realm = realm;
  made.tenant_id = "red";
  made.group = id;
  made.secret = "whsec_one";
  made.old_secret = "whsec_two";
  made.old_secret_until = WallTime(std::chrono::milliseconds(1234567890123));
  made.in_flight_max = 3;
  made.may_run = true;
  made.created_at = WallTime(std::chrono::milliseconds(1234567890000));
  return made;
}

class WebhookContract : public EngineContract {
 protected:
  void begin() {
    EngineContract::begin();
    store().on_change([this] { ++changes_; });
  }
  WebhookStore& store() { return instance_->engine().webhooks(); }

  std::string insert(const Webhook& made) {
    return name(ask<void>([&](Done<void> done) { store().insert(made, std::move(done)); }));
  }
  std::string replace(const Webhook& made) {
    return name(ask<void>([&](Done<void> done) { store().replace(made, std::move(done)); }));
  }
  bool remove(const std::string& id) {
    return ask<bool>([&](Done<bool> done) { store().remove(id, std::move(done)); }).value();
  }
  std::vector<Webhook> list(WebhookStore& of) {
    return ask<std::vector<Webhook>>([&](Done<std::vector<Webhook>> done) { of.list(std::move(done)); })
        .value();
  }
  static std::string name(const Result<void>& result) {
    return result ? "done" : to_string(result.error().code);
  }

  int changes_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Engines, WebhookContract, testing::ValuesIn(kEngines), name_of);

TEST_P(WebhookContract, KeepsAllOfThem) {
  begin();
  EXPECT_EQ(list(store()), std::vector<Webhook>{});
  EXPECT_EQ(insert(webhook("wh_b")), "done");
  EXPECT_EQ(insert(webhook("wh_a", "")), "done");
  EXPECT_EQ(list(store()), (std::vector{webhook("wh_a", ""), webhook("wh_b")}));
  const auto find = [&](const std::string& id) {
    return ask<Webhook>([&](Done<Webhook> done) { store().find(id, std::move(done)); });
  };
  EXPECT_EQ(find("wh_b").value(), webhook("wh_b"));
  EXPECT_EQ(find("wh_c").error().code, Errc::not_found);
  EXPECT_TRUE(remove("wh_b"));
  EXPECT_FALSE(remove("wh_b"));
  EXPECT_EQ(list(store()), std::vector{webhook("wh_a", "")});
}

TEST_P(WebhookContract, ReplacesWhatIsThereAlone) {
  begin();
  Webhook changed = webhook("wh_a");
  EXPECT_EQ(replace(changed), "not_found");
  EXPECT_EQ(list(store()), std::vector<Webhook>{});
  EXPECT_EQ(insert(changed), "done");
  changed.secret = "whsec_three";
  EXPECT_EQ(replace(changed), "done");
  EXPECT_EQ(list(store()), std::vector{changed});
}

TEST_P(WebhookContract, HasNoRoomForMoreThanItsBounds) {
  limits_.webhooks = {.webhooks_max = 3, .realm_max = 2};
  begin();
  EXPECT_EQ(insert(webhook("wh_1")), "done");
  EXPECT_EQ(insert(webhook("wh_2")), "done");
  EXPECT_EQ(insert(webhook("wh_3")), "resource_exhausted");
  EXPECT_EQ(insert(webhook("wh_4", "shop2")), "done");
  EXPECT_EQ(insert(webhook("wh_5", "shop3")), "resource_exhausted");
  EXPECT_EQ(replace(webhook("wh_1")), "done");
}

TEST_P(WebhookContract, TellsOfEachChange) {
  begin();
  const auto changed = [&] { return std::exchange(changes_, 0) > 0; };
  insert(webhook("wh_a"));
  EXPECT_TRUE(until(changed));
  replace(webhook("wh_a"));
  EXPECT_TRUE(until(changed));
  remove("wh_a");
  EXPECT_TRUE(until(changed));
}

TEST_F(EngineTest, EveryInstanceSeesTheWebhooksOfOneRedis) {
  const auto one = start(EngineUnderTest::redis, "gw-1"), two = start(EngineUnderTest::redis, "gw-2");
  int changes = 0;
  two->engine().webhooks().on_change([&] { ++changes; });
  EXPECT_TRUE(
      ask<void>([&](Done<void> done) { one->engine().webhooks().insert(webhook("wh_a"), std::move(done)); }));
  EXPECT_TRUE(until([&] { return changes > 0; }));
  const auto listed = ask<std::vector<Webhook>>(
      [&](Done<std::vector<Webhook>> done) { two->engine().webhooks().list(std::move(done)); });
  EXPECT_EQ(listed.value(), std::vector{webhook("wh_a")});
}

}  // namespace
}  // namespace gw
