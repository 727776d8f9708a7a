#include "core/presence_counts.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

constexpr ChannelIndex kKept = 1, kOther = 2;

ChannelSet channels(std::initializer_list<ChannelIndex> list) {
  ChannelSet set;
  for (const ChannelIndex channel : list) set.add(channel);
  return set;
}

ConnectionRecord connection(const std::string& user, ChannelSet on, const std::string& tenant = "") {
  Session session;
  session.user_id = user;
  session.tenant_id = tenant;
  ConnectionRecord record;
  record.session = std::make_shared<const Session>(session);
  record.channels = on;
  return record;
}

class Counts : public testing::Test {
 protected:
  // As "+user" or "-user", with the channel and tenant where they are not the usual ones.
  std::string news(size_t most = 100) {
    std::string out;
    for (const PresenceCounts::News& one : counts_.take_news(most)) {
      out += one.is_there ? "+" : "-";
      out += one.member.user_id;
      if (!one.member.tenant_id.empty()) out += "@" + one.member.tenant_id;
      if (one.member.channel != kKept) out += "?";
    }
    return out;
  }

  PresenceCounts counts_{channels({kKept})};
  const ConnectionRecord ada_ = connection("ada", channels({kKept, kOther}));
};

TEST_F(Counts, OnlyTheFirstAndTheLastOfAUserAreNews) {
  counts_.add(ada_);
  EXPECT_EQ(news(), "+ada");
  counts_.add(ada_);
  counts_.remove(ada_);
  EXPECT_EQ(news(), "");
  counts_.remove(ada_);
  EXPECT_EQ(news(), "-ada");
  EXPECT_EQ(news(), "");
}

TEST_F(Counts, WhoComesBackBeforeItIsToldHasNotLeft) {
  counts_.add(ada_);
  counts_.remove(ada_);
  EXPECT_EQ(news(), "") << "nor come";
  counts_.add(ada_);
  EXPECT_EQ(news(), "+ada");
  counts_.remove(ada_);
  counts_.add(ada_);
  EXPECT_EQ(news(), "");
}

TEST_F(Counts, ChannelsThatAreNotKeptAndAnonymousOnesCountNothing) {
  counts_.add(connection("bob", channels({kOther})));
  ConnectionRecord anonymous;
  anonymous.channels = channels({kKept});
  counts_.add(anonymous);
  counts_.remove(anonymous);
  EXPECT_EQ(news(), "");
}

TEST_F(Counts, FollowsAMove) {
  ConnectionRecord bob = connection("bob", channels({kOther}));
  counts_.add(bob);
  counts_.move(bob, channels({kKept}));
  bob.channels = channels({kKept});
  EXPECT_EQ(news(), "+bob");
  counts_.move(bob, ChannelSet());
  EXPECT_EQ(news(), "-bob");
}

TEST_F(Counts, TheSameUserOfAnotherTenantIsAnother) {
  counts_.add(ada_);
  counts_.add(connection("ada", channels({kKept}), "acme"));
  EXPECT_EQ(news(), "+ada+ada@acme");
  counts_.remove(ada_);
  EXPECT_EQ(news(), "-ada");
}

TEST_F(Counts, WhatMayNotHaveBeenToldIsToldAgain) {
  counts_.add(ada_);
  EXPECT_EQ(news(), "+ada");
  counts_.mark({kKept, "", "ada"});
  EXPECT_EQ(news(), "+ada");
  counts_.mark({kKept, "", "gone"});
  EXPECT_EQ(news(), "-gone") << "somebody is said to be there who is not";
  counts_.mark_all();
  EXPECT_EQ(news(), "+ada");
}

TEST_F(Counts, ComesInPortions) {
  for (const char* user : {"a", "b", "c"}) counts_.add(connection(user, channels({kKept})));
  EXPECT_EQ(news(2), "+a+b");
  EXPECT_EQ(news(2), "+c");
}

}  // namespace
}  // namespace gw
