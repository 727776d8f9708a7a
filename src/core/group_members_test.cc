#include "core/group_members.h"

#include <gtest/gtest.h>

#include "core/agent_round.h"

namespace gw {
namespace {

class Agent : public AgentSink {
 public:
  bool deliver(std::string_view id, std::string_view) override {
    if (full) return false;
    ids.emplace_back(id);
    return true;
  }
  void fell_behind() override { ended = true; }
  std::vector<std::string> ids;
  bool full = false;
  bool ended = false;
};

using Ids = std::vector<std::string>;

class GroupMembersTest : public testing::Test {
 protected:
  GroupMembersTest() {
    members_.join(1, a_);
    members_.join(2, b_);
    members_.confirm(1);
    members_.confirm(2);
  }
  const std::shared_ptr<Agent> a_ = std::make_shared<Agent>();
  std::shared_ptr<Agent> b_ = std::make_shared<Agent>();
  GroupMembers members_;
};

TEST_F(GroupMembersTest, TakeTurns) {
  for (const char* id : {"1", "2", "3"}) EXPECT_TRUE(members_.hand_out(id, ""));
  EXPECT_EQ(a_->ids, (Ids{"1", "3"}));
  EXPECT_EQ(b_->ids, Ids{"2"});
}

TEST_F(GroupMembersTest, WhoHasNoRoomOrIsGoneIsPassedOver) {
  a_->full = true;
  EXPECT_TRUE(members_.hand_out("1", ""));
  EXPECT_TRUE(members_.hand_out("2", ""));
  EXPECT_EQ(b_->ids, (Ids{"1", "2"}));
  b_.reset();
  EXPECT_FALSE(members_.hand_out("3", ""));
  a_->full = false;
  EXPECT_TRUE(members_.leave(2));
  EXPECT_FALSE(members_.leave(2));
  EXPECT_TRUE(members_.hand_out("3", ""));
  EXPECT_EQ(a_->ids, Ids{"3"});
}

TEST_F(GroupMembersTest, NobodyGetsAnythingBeforeItIsConfirmed) {
  GroupMembers members;
  members.join(1, a_);
  EXPECT_FALSE(members.has_confirmed());
  EXPECT_FALSE(members.hand_out("1", ""));
  members.confirm(1);
  EXPECT_TRUE(members.has_confirmed());
  EXPECT_TRUE(members.hand_out("1", ""));
}

TEST(AgentRoundTest, EndsThoseThatRefusedWhatOthersTook) {
  const auto takes = std::make_shared<Agent>(), refuses = std::make_shared<Agent>();
  refuses->full = true;
  AgentRound round("1", "envelope");
  round.offer(refuses);
  EXPECT_FALSE(round.is_taken());
  round.offer(takes);
  round.offer(std::weak_ptr<AgentSink>());
  EXPECT_TRUE(round.is_taken());
  round.end_refusers();
  EXPECT_TRUE(refuses->ended);
  EXPECT_FALSE(takes->ended);
}

}  // namespace
}  // namespace gw
