// What a revocation store promises, on both engines.
#include "core/revocation_store.h"
#include "engine/contract_testing.h"

namespace gw {
namespace {

class RevocationContract : public EngineContract {
 protected:
  static constexpr WallTime kBeginning{};

  std::string put(const std::string& name, WallTime issued_until, const std::string& tenant = "",
                  std::chrono::milliseconds kept = 1h) {
    const Revocation revocation{sha256(name), tenant, issued_until, wall_now() + kept};
    const auto put =
        ask<void>([&](Done<void> done) { instance_->revocations().put(revocation, std::move(done)); });
    return put ? "none" : to_string(put.error().code);
  }
  WallTime find(const std::vector<std::string>& names) {
    std::vector<Digest> digests;
    for (const std::string& name : names) digests.push_back(sha256(name));
    const auto found = ask<RevokedUntil>(
        [&](Done<RevokedUntil> done) { instance_->revocations().find(digests, std::move(done)); });
    EXPECT_TRUE(found);
    return found ? *found : kBeginning;
  }

  const WallTime now_ = wall_now();
};

INSTANTIATE_TEST_SUITE_P(Engines, RevocationContract, testing::ValuesIn(kEngines), name_of);

TEST_P(RevocationContract, TellsTheLatestOfTheNames) {
  begin();
  EXPECT_EQ(find({"a", "b"}), kBeginning);
  EXPECT_EQ(put("a", now_ - 5s), "none");
  EXPECT_EQ(put("b", now_), "none");
  EXPECT_EQ(find({"a"}), now_ - 5s);
  EXPECT_EQ(find({"a", "b", "c"}), now_);
  EXPECT_EQ(find({"c"}), kBeginning);
}

TEST_P(RevocationContract, NothingIsTakenBack) {
  begin();
  EXPECT_EQ(put("a", now_, "", 1h), "none");
  EXPECT_EQ(put("a", now_ - 5s, "", 10ms), "none");
  EXPECT_TRUE(until([&] { return wall_now() > now_ + 20ms; }));
  EXPECT_EQ(find({"a"}), now_);
  EXPECT_EQ(put("a", WallTime::max()), "none");
  EXPECT_EQ(find({"a"}), WallTime::max());
  EXPECT_EQ(put("a", now_), "none");
  EXPECT_EQ(find({"a"}), WallTime::max());
}

TEST_P(RevocationContract, ItIsGoneWhenItsTimeIsOver) {
  limits_.revocations.revocations_max = 1;
  begin();
  EXPECT_EQ(put("a", now_, "", 20ms), "none");
  EXPECT_TRUE(until([&] { return find({"a"}) == kBeginning; }));
  EXPECT_EQ(put("b", now_), "none");
}

// Where a limit is not divided.
class RevocationBounds : public RevocationContract {};

INSTANTIATE_TEST_SUITE_P(Engines, RevocationBounds, testing::ValuesIn(kUndividedEngines), name_of);

TEST_P(RevocationBounds, WhatOneTenantHoldsIsLeftForOthers) {
  limits_.revocations.revocations_max = 5;
  begin();
  for (const char* name : {"r1", "r2", "r3"}) EXPECT_EQ(put(name, now_, "red"), "none") << name;
  EXPECT_EQ(put("r4", now_, "red"), "resource_exhausted");
  EXPECT_EQ(put("r3", now_, "red"), "none");
  EXPECT_EQ(put("b1", now_, "blue"), "none");
  EXPECT_EQ(put("b2", now_, "blue"), "resource_exhausted");
  EXPECT_EQ(put("n1", now_), "none");
  EXPECT_EQ(put("n2", now_), "resource_exhausted");
}

}  // namespace
}  // namespace gw
