// What every engine promises of who is on a channel.
#include "engine/contract_testing.h"

namespace gw {
namespace {

class PresenceContract : public EngineContract {
 protected:
  PresenceContract() {
    limits_.presence.channels.add(0);
    limits_.presence.members_max = 3;
  }

  void watch(TestInstance& instance, std::vector<std::string>& heard) {
    instance.engine().presence().on_change([&heard](const PresenceChange& change) {
      constexpr const char* kNames[] = {"+", "-", "suspended", "refresh"};
      heard.push_back(kNames[static_cast<size_t>(change.kind)] + change.user_id +
                      (change.tenant_id.value_or("").empty() ? "" : "@" + *change.tenant_id));
    });
  }
  ConnectionRecord enter(TestInstance& instance, const std::string& user, const std::string& tenant = "") {
    const ConnectionRecord record = test_connection(shared_session("s-" + user + tenant, user, tenant));
    const auto added =
        ask<void>([&](Done<void> done) { instance.registry().add(record, {}, std::move(done)); });
    EXPECT_TRUE(added);
    return record;
  }
  void leave(TestInstance& instance, const ConnectionRecord& record) {
    instance.registry().remove(record.id, 1000);
  }
  PresenceList list(TestInstance& instance, const std::string& tenant = "") {
    auto list = ask<PresenceList>(
        [&](Done<PresenceList> done) { instance.engine().presence().list(0, tenant, std::move(done)); });
    EXPECT_TRUE(list);
    return list ? *list : PresenceList();
  }
  bool soon(TestInstance& instance, const Texts& users, const std::string& tenant = "") {
    return until([&] { return list(instance, tenant).users == users; });
  }
  bool soon(const Texts& heard, const Texts& expected) {
    return until([&] { return heard == expected; });
  }

  Texts heard_;
};

INSTANTIATE_TEST_SUITE_P(Engines, PresenceContract, testing::ValuesIn(kEngines), name_of);

TEST_P(PresenceContract, TellsWhoComesAndGoesOnceAUser) {
  begin();
  watch(*instance_, heard_);
  const ConnectionRecord first = enter(*instance_, "ada"), second = enter(*instance_, "ada");
  EXPECT_TRUE(soon(heard_, {"+ada"}));
  enter(*instance_, "bob");
  EXPECT_TRUE(soon(*instance_, {"ada", "bob"}));
  leave(*instance_, first);
  leave(*instance_, second);
  EXPECT_TRUE(soon(heard_, {"+ada", "+bob", "-ada"}));
  EXPECT_TRUE(soon(*instance_, {"bob"}));
}

TEST_P(PresenceContract, TenantsAreApart) {
  begin();
  watch(*instance_, heard_);
  enter(*instance_, "ada", "acme");
  EXPECT_TRUE(soon(heard_, {"+ada@acme"}));
  enter(*instance_, "auth0|o'brien@example.org");
  EXPECT_TRUE(soon(*instance_, {"auth0|o'brien@example.org"}));
  EXPECT_TRUE(soon(*instance_, {"ada"}, "acme"));
  EXPECT_TRUE(soon(*instance_, {}, "other"));
}

TEST_P(PresenceContract, AChangeOfSubscriptionsIsOneOfPresence) {
  begin();
  watch(*instance_, heard_);
  const ConnectionRecord record = enter(*instance_, "ada");
  EXPECT_TRUE(soon(heard_, {"+ada"}));
  ConnectionChange change{0, {}, record.last_activity, record.last_heartbeat};
  instance_->registry().update(record.id, change);
  EXPECT_TRUE(soon(heard_, {"+ada", "-ada"}));
  change.channels.add(0);
  instance_->registry().update(record.id, change);
  EXPECT_TRUE(soon(heard_, {"+ada", "-ada", "+ada"}));
}

// Whoever has a list and hears a change knows whether it is in the list already.
TEST_P(PresenceContract, RevisionsGrow) {
  begin();
  std::vector<uint64_t> revisions;
  instance_->engine().presence().on_change(
      [&](const PresenceChange& change) { revisions.push_back(change.revision); });
  const uint64_t before = list(*instance_).revision;
  const ConnectionRecord record = enter(*instance_, "ada");
  EXPECT_TRUE(until([&] { return revisions.size() == 1; }));
  EXPECT_EQ(list(*instance_).revision, revisions[0]);
  leave(*instance_, record);
  EXPECT_TRUE(until([&] { return revisions.size() == 2; }));
  EXPECT_LT(before, revisions[0]);
  EXPECT_LT(revisions[0], revisions[1]);
  EXPECT_EQ(list(*instance_).revision, revisions[1]);
}

TEST_P(PresenceContract, WhereThereAreTooManyNothingMoreIsTold) {
  begin();
  watch(*instance_, heard_);
  for (const char* user : {"a", "b", "c"}) enter(*instance_, user);
  EXPECT_TRUE(soon(heard_, {"+a", "+b", "+c"}));
  EXPECT_TRUE(list(*instance_).is_whole);
  const ConnectionRecord d = enter(*instance_, "d");
  EXPECT_TRUE(soon(heard_, {"+a", "+b", "+c", "suspended"}));
  const ConnectionRecord e = enter(*instance_, "e");
  EXPECT_TRUE(until([&] { return !list(*instance_).is_whole; }));
  EXPECT_EQ(list(*instance_).users, (Texts{"a", "b", "c"}));
  leave(*instance_, e);
  leave(*instance_, d);
  EXPECT_TRUE(soon(heard_, {"+a", "+b", "+c", "suspended", "refresh"}));
  EXPECT_TRUE(list(*instance_).is_whole);
}

class PresenceCluster : public PresenceContract {};

// These wait for a lease to be over, which sentinels have no part in.
INSTANTIATE_TEST_SUITE_P(Engines, PresenceCluster,
                         testing::Values(EngineUnderTest::redis, EngineUnderTest::redis_cluster,
                                         EngineUnderTest::redis_partitioned),
                         name_of);

TEST_P(PresenceCluster, AUserOnTwoInstancesComesAndGoesOnce) {
  begin();
  const auto other = start(GetParam(), "gw-2");
  Texts heard_there;
  watch(*instance_, heard_);
  watch(*other, heard_there);
  const ConnectionRecord here = enter(*instance_, "ada");
  EXPECT_TRUE(soon(heard_there, {"+ada"}));
  const ConnectionRecord there = enter(*other, "ada");
  enter(*other, "bob");
  EXPECT_TRUE(soon(*instance_, {"ada", "bob"}));
  leave(*instance_, here);
  EXPECT_TRUE(soon(*other, {"ada", "bob"}));
  leave(*other, there);
  EXPECT_TRUE(soon(heard_, {"+ada", "+bob", "-ada"}));
  EXPECT_EQ(heard_there, heard_);
}

TEST_P(PresenceCluster, WhoWasOnALostInstanceIsGoneWithItsLease) {
  begin();
  watch(*instance_, heard_);
  auto lost = start(GetParam(), "gw-2");
  enter(*lost, "ada");
  const ConnectionRecord both = enter(*lost, "bob");
  enter(*instance_, "bob");
  EXPECT_TRUE(soon(*instance_, {"ada", "bob"}));
  lost.reset();
  EXPECT_TRUE(until([&] { return list(*instance_).users == Texts{"bob"}; }));
  // The reaper tells, and not of who is elsewhere as well.
  EXPECT_TRUE(until([&] { return std::count(heard_.begin(), heard_.end(), "-ada") == 1; }));
  EXPECT_EQ(std::count(heard_.begin(), heard_.end(), "-bob"), 0);
}

TEST_P(PresenceCluster, WhatIsLeftOfARestartIsTakenBack) {
  begin();
  watch(*instance_, heard_);
  auto first = start(GetParam(), "gw-2");
  enter(*first, "ada");
  enter(*first, "bob");
  EXPECT_TRUE(soon(*instance_, {"ada", "bob"}));
  first.reset();
  const auto second = start(GetParam(), "gw-2");
  enter(*second, "bob");
  EXPECT_TRUE(soon(*instance_, {"bob"}));
}

TEST_P(PresenceCluster, WhoLeavesInOrderLeavesNothing) {
  begin();
  auto other = start(GetParam(), "gw-2");
  const ConnectionRecord record = enter(*other, "ada");
  EXPECT_TRUE(soon(*instance_, {"ada"}));
  bool left = false;
  leave(*other, record);
  other->engine().leave([&] { left = true; });
  EXPECT_TRUE(until([&] { return left; }));
  EXPECT_EQ(list(*instance_).users, Texts{});
}

}  // namespace
}  // namespace gw
