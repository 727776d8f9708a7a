#include "post_office/api_keys.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

ApiKey key(std::string_view secret) {
  ApiKey key;
  key.name = std::string(secret);
  key.digest = sha256(secret);
  return key;
}

std::string verdict(const Result<void>& result) { return result ? "ok" : result.error().detail; }

TEST(ApiKeys, FindsTheKeyThatWasShownAndNoOther) {
  const ApiKeys keys({key("first-key"), key("second-key")});
  ASSERT_TRUE(keys.find("first-key"));
  EXPECT_EQ(keys.find("first-key")->name, "first-key");
  EXPECT_EQ(keys.find("second-key")->name, "second-key");
  for (const char* wrong : {"", "first-ke", "first-keyy", "First-key", "first-key ", "third-key"}) {
    EXPECT_EQ(keys.find(wrong), nullptr) << wrong;
  }
  EXPECT_EQ(ApiKeys({}).find(""), nullptr);
}

TEST(ApiKeys, OneThatStaysKeepsItsPlaceAndOneThatGoesIsOnlyRemembered) {
  ApiKeys keys({key("stays"), key("goes"), key("changes")});
  const ApiKey* const stays = keys.find("stays");
  const ApiKey* const goes = keys.find("goes");
  const ApiKey* const changes = keys.find("changes");
  ApiKey changed = key("changes");
  changed.scopes.add(Scope::send);
  EXPECT_EQ(keys.replace({changed, key("stays"), key("comes")}), (std::vector{goes, changes}));
  EXPECT_EQ(keys.find("stays"), stays);
  EXPECT_EQ(keys.find("goes"), nullptr);
  EXPECT_EQ(goes->name, "goes");
  EXPECT_TRUE(keys.find("changes")->scopes.contains(Scope::send));
  EXPECT_TRUE(keys.find("comes"));
}

TEST(ApiKeys, ScopesAreGrantedOneByOne) {
  ApiKey some = key("k");
  some.scopes = {Scope::publish, Scope::registry};
  EXPECT_EQ(verdict(some.check_scope(Scope::publish)), "ok");
  EXPECT_EQ(verdict(some.check_scope(Scope::registry)), "ok");
  EXPECT_EQ(verdict(some.check_scope(Scope::send)), "this key lacks the scope send");
  for (const char* name : {"publish", "subscribe", "send", "sessions", "registry"}) {
    const auto scope = parse_scope(name);
    ASSERT_TRUE(scope);
    EXPECT_EQ(to_string(*scope), name);
    EXPECT_TRUE(ScopeSet::all().contains(*scope));
    EXPECT_FALSE(ScopeSet().contains(*scope));
  }
  EXPECT_EQ(parse_scope("Publish"), std::nullopt);
}

TEST(ApiKeys, RealmChannelAndTenantBind) {
  ApiKey free = key("free");
  EXPECT_EQ(verdict(free.check_realm("any")), "ok");
  EXPECT_EQ(verdict(free.check_channel(63)), "ok");
  EXPECT_EQ(*free.tenant_for(""), "");
  EXPECT_EQ(*free.tenant_for("acme"), "acme");

  ApiKey bound = key("bound");
  bound.realm = "editors";
  bound.channels = ChannelSet();
  bound.channels.add(2);
  bound.tenant_id = "acme";
  EXPECT_EQ(verdict(bound.check_realm("editors")), "ok");
  EXPECT_EQ(verdict(bound.check_realm("Editors")), "this key belongs to another realm");
  EXPECT_EQ(verdict(bound.check_channel(2)), "ok");
  EXPECT_EQ(verdict(bound.check_channel(1)), "this key does not grant the channel");
  EXPECT_EQ(*bound.tenant_for(""), "acme");
  EXPECT_EQ(*bound.tenant_for("acme"), "acme");
  EXPECT_EQ(bound.tenant_for("other").error().code, Errc::permission_denied);
}

}  // namespace
}  // namespace gw
