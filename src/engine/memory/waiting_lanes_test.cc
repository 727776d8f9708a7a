#include "engine/memory/waiting_lanes.h"

#include <gtest/gtest.h>

namespace gw::memory {
namespace {

class WaitingLanesTest : public testing::Test {
 protected:
  bool push(const std::string& text, const std::string& tenant = "", uint64_t sender = 1,
            TimePoint now = TimePoint()) {
    return lanes_.push({text, tenant, std::make_shared<const std::string>(text)}, sender, now);
  }
  // What was taken, in order; `refuses` names what is not.
  std::vector<std::string> drain(const std::string& refuses = "") {
    std::vector<std::string> taken;
    lanes_.drain([&](const AgentEntry& entry) {
      if (entry.id == refuses) return false;
      taken.push_back(entry.id);
      return true;
    });
    return taken;
  }
  size_t fill(const std::string& tenant, uint64_t sender) {
    size_t pushed = 0;
    while (push("x", tenant, sender)) ++pushed;
    return pushed;
  }

  WaitingLanes lanes_{{.messages = 100, .bytes = 1000}};
};

using Texts = std::vector<std::string>;

TEST_F(WaitingLanesTest, KeepsTheOrderOfATenantAndServesTenantsInTurn) {
  for (const char* text : {"r1", "r2", "r3"}) push(text, "red");
  push("b1", "blue");
  push("n1");
  EXPECT_TRUE(lanes_.has("red") && lanes_.has("blue") && lanes_.has(""));
  EXPECT_EQ(drain(), (Texts{"n1", "b1", "r1", "r2", "r3"}));
  EXPECT_TRUE(lanes_.empty());
  EXPECT_FALSE(lanes_.has("red"));
  EXPECT_EQ(lanes_.amount("").messages, 0u);
  EXPECT_EQ(lanes_.amount("").bytes, 0u);
}

TEST_F(WaitingLanesTest, WhatIsRefusedHoldsBackItsTenantAlone) {
  for (const char* text : {"r1", "r2", "r3"}) push(text, "red");
  for (const char* text : {"b1", "b2"}) push(text, "blue");
  EXPECT_EQ(drain("r2"), (Texts{"b1", "r1", "b2"}));
  EXPECT_EQ(lanes_.amount("red").messages, 2u);
  EXPECT_EQ(drain(), (Texts{"r2", "r3"}));
}

TEST_F(WaitingLanesTest, OneSenderMayHaveTheWholeLimitAndNoMore) {
  EXPECT_EQ(fill("", 1), 100u);
  EXPECT_TRUE(push("y", "", 2));
  WaitingLanes bytes({.messages = 100, .bytes = 10});
  const auto four = [&](uint64_t sender) {
    return bytes.push({"id", "", std::make_shared<const std::string>("four")}, sender, TimePoint());
  };
  EXPECT_TRUE(four(1) && four(1));
  EXPECT_FALSE(four(1));
  EXPECT_TRUE(four(2));
}

TEST_F(WaitingLanesTest, AsMuchAsOneHasIsLeftForOthers) {
  for (uint64_t sender = 1; sender <= 9; ++sender) fill("red", sender);
  EXPECT_LE(lanes_.amount("red").messages, 199u);
  EXPECT_GE(fill("blue", 10), 50u);
  for (int tenant = 0; tenant < 20; ++tenant) {
    for (uint64_t sender = 11; sender < 15; ++sender) fill("t" + std::to_string(tenant), sender);
  }
  EXPECT_LE(lanes_.amount("").messages, 400u);
  EXPECT_LE(lanes_.amount("").bytes, 4000u);
}

TEST_F(WaitingLanesTest, DropsWhatIsTooOldInEveryLane) {
  const TimePoint t0;
  push("r1", "red", 1, t0);
  push("b1", "blue", 1, t0 + 1s);
  push("r2", "red", 1, t0 + 2s);
  EXPECT_EQ(lanes_.expire(t0 - 1s), 0u);
  EXPECT_EQ(lanes_.expire(t0 + 1s), 2u);
  EXPECT_EQ(drain(), Texts{"r2"});
}

}  // namespace
}  // namespace gw::memory
