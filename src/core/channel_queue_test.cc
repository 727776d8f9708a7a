#include "core/channel_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace gw {
namespace {

using Texts = std::vector<std::string>;
using Kept = ChannelQueue::Kept;
constexpr TimePoint t0{};

AgentMessagePtr message(const std::string& text, const std::string& tenant = "", uint64_t sender = 1) {
  AgentMessage made;
  made.tenant_id = tenant;
  made.message_id = made.envelope = text;
  made.sender = sender;
  return std::make_shared<const AgentMessage>(std::move(made));
}

class ChannelQueueTest : public testing::Test {
 protected:
  static ChannelQueue::Options options() {
    ChannelQueue::Options options;
    options.messages = 100;
    options.bytes = 1000;
    return options;
  }
  bool push(const std::string& text, const std::string& tenant = "", uint64_t sender = 1,
            TimePoint now = t0) {
    return queue_.push(message(text, tenant, sender), now);
  }
  // What can be tried now, each as answered by `takes`.
  Texts drain(TimePoint now, const std::string& refuses = "") {
    Texts taken;
    while (const auto attempt = queue_.next(now)) {
      if (attempt->message->envelope == refuses) {
        EXPECT_EQ(queue_.on_nobody(attempt->id, now), Kept::still_queued);
      } else {
        queue_.on_taken(attempt->id);
        taken.push_back(attempt->message->envelope);
      }
    }
    return taken;
  }
  // How much this sender can leave waiting.
  size_t fill(const std::string& tenant, uint64_t sender) {
    size_t pushed = 0;
    while (push("x", tenant, sender)) ++pushed;
    return pushed;
  }
  // All that is on its way.
  Texts start(TimePoint now) {
    Texts started;
    while (const auto attempt = queue_.next(now)) {
      started.push_back(attempt->message->envelope);
      ids_.push_back(attempt->id);
    }
    return started;
  }

  ChannelQueue queue_{options()};
  std::vector<ChannelQueue::Id> ids_;
};

TEST_F(ChannelQueueTest, KeepsTheOrderOfATenantAndServesTenantsInTurn) {
  for (const char* text : {"r1", "r2", "r3"}) push(text, "red");
  for (const char* text : {"b1", "b2", "b3"}) push(text, "blue");
  push("n1");
  EXPECT_TRUE(queue_.has_waiting("red") && queue_.has_waiting("blue") && queue_.has_waiting(""));
  EXPECT_EQ(drain(t0), (Texts{"r1", "b1", "n1", "r2", "b2", "r3", "b3"}));
  EXPECT_FALSE(queue_.has_waiting("red"));
  EXPECT_EQ(queue_.amount("").messages, 0u);
  EXPECT_EQ(queue_.amount("").bytes, 0u);
}

TEST_F(ChannelQueueTest, WhatIsRefusedHoldsBackItsTenantAlone) {
  for (const char* text : {"r1", "r2", "r3"}) push(text, "red");
  for (const char* text : {"b1", "b2"}) push(text, "blue");
  EXPECT_EQ(drain(t0, "r2"), (Texts{"r1", "b1", "b2"}));
  EXPECT_EQ(queue_.amount("red").messages, 2u);
  EXPECT_EQ(drain(t0 + 249ms), Texts{}) << "it is tried again after a while";
  EXPECT_EQ(drain(t0 + 250ms), (Texts{"r2", "r3"}));
}

TEST_F(ChannelQueueTest, ALaneThatDrainsDoesNotStarveOneWhoseTimeHasCome) {
  push("b1", "blue");
  EXPECT_EQ(drain(t0, "b1"), Texts{});
  for (const char* text : {"r1", "r2", "r3"}) push(text, "red");
  EXPECT_EQ(drain(t0 + 1s), (Texts{"r1", "b1", "r2", "r3"}));
}

TEST_F(ChannelQueueTest, WhoMayListenNowIsTriedAtOnce) {
  push("1");
  EXPECT_EQ(drain(t0, "1"), Texts{});
  queue_.wake();
  EXPECT_EQ(drain(t0), Texts{"1"});
}

TEST_F(ChannelQueueTest, OneSenderMayHaveTheWholeLimitAndNoMore) {
  EXPECT_EQ(fill("", 1), 100u);
  EXPECT_TRUE(push("y", "", 2));
  ChannelQueue::Options o = options();
  o.bytes = 10;
  ChannelQueue bytes(o);
  EXPECT_TRUE(bytes.push(message("four", "", 1), t0) && bytes.push(message("four", "", 1), t0));
  EXPECT_FALSE(bytes.push(message("four", "", 1), t0));
  EXPECT_TRUE(bytes.push(message("four", "", 2), t0));
}

TEST_F(ChannelQueueTest, AsMuchAsOneHasIsLeftForOthers) {
  for (uint64_t sender = 1; sender <= 9; ++sender) fill("red", sender);
  EXPECT_LE(queue_.amount("red").messages, 199u);
  EXPECT_GE(fill("blue", 10), 50u);
  for (int tenant = 0; tenant < 20; ++tenant) {
    for (uint64_t sender = 11; sender < 15; ++sender) fill("t" + std::to_string(tenant), sender);
  }
  EXPECT_LE(queue_.amount("").messages, 400u);
  EXPECT_LE(queue_.amount("").bytes, 4000u);
}

TEST_F(ChannelQueueTest, DropsWhatIsTooOldInEveryLane) {
  push("r1", "red", 1, t0);
  push("b1", "blue", 1, t0 + 1s);
  push("r2", "red", 1, t0 + 2s);
  EXPECT_EQ(queue_.expire(t0 + 299s), 0u);
  EXPECT_EQ(queue_.expire(t0 + 301s), 2u);
  EXPECT_EQ(drain(t0 + 301s), Texts{"r2"});
}

TEST_F(ChannelQueueTest, WhatIsOnItsWayIsNotTooOldUntilItComesBack) {
  push("1");
  ASSERT_EQ(start(t0), Texts{"1"});
  EXPECT_EQ(queue_.expire(t0 + 301s), 0u);
  EXPECT_EQ(queue_.on_nobody(ids_[0], t0 + 301s), Kept::still_queued);
  EXPECT_EQ(queue_.expire(t0 + 302s), 1u);
  EXPECT_EQ(queue_.amount("").messages, 0u);
}

TEST_F(ChannelQueueTest, PassesTheQueueWhileNothingWaits) {
  const auto first = queue_.begin(message("1"), t0);
  const auto second = queue_.begin(message("2"), t0);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(queue_.amount("").messages, 0u) << "promised nothing";
  queue_.on_taken(*first);
  EXPECT_EQ(queue_.on_nobody(*second, t0), Kept::queued);
  EXPECT_FALSE(queue_.begin(message("3"), t0));
  EXPECT_TRUE(queue_.begin(message("3", "red"), t0)) << "of another tenant";
  EXPECT_EQ(queue_.amount("").messages, 1u);
}

TEST_F(ChannelQueueTest, WhatHadToWaitBeginsAlone) {
  push("1");
  push("2");
  push("3");
  EXPECT_EQ(start(t0), Texts{"1"}) << "an agent may come while they are on their way";
  queue_.on_taken(ids_[0]);
  EXPECT_EQ(start(t0), (Texts{"2", "3"}));
}

TEST_F(ChannelQueueTest, AfterOneThatFoundNobodyTheyGoOneByOne) {
  const auto first = queue_.begin(message("1"), t0);
  EXPECT_EQ(queue_.on_nobody(*first, t0), Kept::queued);
  push("2");
  push("3");
  EXPECT_EQ(start(t0 + 250ms), Texts{"1"}) << "alone";
  EXPECT_FALSE(queue_.begin(message("4"), t0 + 250ms));
  queue_.on_taken(ids_[0]);
  EXPECT_EQ(start(t0 + 250ms), (Texts{"2", "3"})) << "somebody listens";
}

// Two were on their way when the last listener left: the second may not be tried before the first again.
TEST_F(ChannelQueueTest, WhatComesBackGoesToItsPlace) {
  const auto first = queue_.begin(message("1"), t0);
  const auto second = queue_.begin(message("2"), t0);
  EXPECT_EQ(queue_.on_nobody(*first, t0), Kept::queued);
  EXPECT_EQ(start(t0 + 1s), Texts{}) << "not while the second is on its way";
  EXPECT_EQ(queue_.on_nobody(*second, t0 + 1s), Kept::queued);
  EXPECT_EQ(drain(t0 + 2s), (Texts{"1", "2"}));
}

TEST_F(ChannelQueueTest, ThereIsNoPromiseWithoutRoom) {
  ASSERT_EQ(fill("", 1), 100u);
  ChannelQueue::Options o = options();
  o.messages = 1;
  ChannelQueue small(o);
  const auto first = small.begin(message("1"), t0), second = small.begin(message("2"), t0);
  EXPECT_EQ(small.on_nobody(*first, t0), Kept::queued);
  EXPECT_EQ(small.on_nobody(*second, t0), Kept::refused);
  EXPECT_EQ(small.amount("").messages, 1u);
  EXPECT_TRUE(small.is_quiet());
}

TEST_F(ChannelQueueTest, WhereTheEngineIsFullOnlyPromisesStay) {
  const auto first = queue_.begin(message("1"), t0);
  EXPECT_EQ(queue_.on_full(*first, t0), Kept::refused);
  const auto second = queue_.begin(message("2"), t0);
  EXPECT_EQ(queue_.on_nobody(*second, t0), Kept::queued);
  ASSERT_EQ(start(t0 + 1s), Texts{"2"});
  EXPECT_EQ(queue_.on_full(ids_[0], t0 + 1s), Kept::still_queued);
}

TEST_F(ChannelQueueTest, SaysWhatMayNotBeTakenBeforeAPromise) {
  using Turn = ChannelQueue::Turn;
  EXPECT_EQ(queue_.turn(*queue_.begin(message("1"), t0)), Turn::free);
  EXPECT_EQ(queue_.turn(*queue_.begin(message("2"), t0)), Turn::free) << "nothing is promised";
  push("3", "red");
  push("4", "red");
  const auto third = queue_.next(t0);
  EXPECT_EQ(queue_.turn(third->id), Turn::first) << "of its tenant";
  queue_.on_taken(third->id);
  EXPECT_EQ(queue_.turn(queue_.next(t0)->id), Turn::first);
  const auto fifth = queue_.begin(message("5", "red"), t0);
  EXPECT_EQ(queue_.turn(*fifth), Turn::behind) << "it is promised nothing, and the one before it is";
  EXPECT_EQ(queue_.turn(*queue_.begin(message("6"), t0)), Turn::free) << "another tenant's";
}

TEST_F(ChannelQueueTest, FailuresOpenTheCircuitAndAProbeClosesIt) {
  for (int i = 1; i <= 5; ++i) {
    const auto id = queue_.begin(message("m" + std::to_string(i), "tenant" + std::to_string(i)), t0);
    ASSERT_TRUE(id);
    EXPECT_EQ(queue_.on_failure(*id, t0, true), Kept::queued);
  }
  ChannelStats stats;
  queue_.fill(stats, "");
  EXPECT_EQ(stats.circuit_state, "open");
  EXPECT_FALSE(queue_.begin(message("x", "other"), t0 + 1s));
  EXPECT_EQ(start(t0 + 1s), Texts{});
  queue_.on_engine_works(t0 + 1s);
  EXPECT_EQ(start(t0 + 1s), Texts{"m1"}) << "half open: one";
  queue_.on_taken(ids_[0]);
  EXPECT_EQ(drain(t0 + 1s), (Texts{"m2", "m3", "m4", "m5"}));
  queue_.fill(stats, "");
  EXPECT_EQ(stats.circuit_state, "closed");
}

TEST_F(ChannelQueueTest, WithoutMessagesProbesCloseTheCircuit) {
  for (int i = 0; i < 5; ++i) {
    queue_.on_failure(*queue_.begin(message("x", std::to_string(i)), t0), t0, true);
  }
  EXPECT_EQ(queue_.expire(t0 + 300s), 5u);
  ChannelStats stats;
  for (const auto after : {300s, 301s, 302s}) queue_.on_engine_works(t0 + after);
  queue_.fill(stats, "");
  EXPECT_EQ(stats.circuit_state, "closed");
}

TEST_F(ChannelQueueTest, GivesAwayAllThatWaitsWithItsTime) {
  push("1", "red", 1, t0);
  push("2", "red", 1, t0 + 1s);
  push("b", "blue", 1, t0);
  const auto left = queue_.take_all();
  ASSERT_EQ(left.size(), 3u);
  EXPECT_EQ(left[0].message->envelope + left[1].message->envelope + left[2].message->envelope, "b12");
  EXPECT_EQ(left[2].expires, t0 + 301s);
  EXPECT_EQ(queue_.amount("").messages, 0u);
  EXPECT_FALSE(queue_.next(t0 + 10s));
  EXPECT_EQ(queue_.expire(t0 + 400s), 0u);
}

// Nobody comes: a tick may not cost what waits. With 400 ms of time each lane is looked at once.
TEST_F(ChannelQueueTest, WhatWaitsCostsNothingWhileNothingHappens) {
  ChannelQueue::Options o;
  o.messages = 40'000;
  ChannelQueue queue(o);
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(queue.push(message("x", "tenant" + std::to_string(i % 50)), t0));
  }
  while (const auto attempt = queue.next(t0)) queue.on_nobody(attempt->id, t0);
  EXPECT_EQ(queue.looks(), 50u);
  for (auto after = 1ms; after < 250ms; after += 1ms) {
    EXPECT_FALSE(queue.next(t0 + after));
    EXPECT_EQ(queue.expire(t0 + after), 0u);
  }
  EXPECT_EQ(queue.looks(), 50u) << "249 ticks cost nothing";
  for (auto after = 1s; after < 300s; after += 1s) EXPECT_EQ(queue.expire(t0 + after), 0u);
  EXPECT_EQ(queue.looks(), 50u) << "nor does age before its time";
  EXPECT_EQ(queue.expire(t0 + 300s), 20'000u);
  EXPECT_EQ(queue.looks(), 100u);
  EXPECT_FALSE(queue.next(t0 + 300s));
}

// A server that answers in order, an agent that comes and goes, lines that are lost: whatever happens, a
// tenant's messages are taken in order, each is accounted for, and nothing is left over.
TEST_F(ChannelQueueTest, WhateverHappensTheOrderOfATenantIsKept) {
  std::mt19937 random(20'261'126);
  const auto chance = [&](unsigned in) { return random() % in == 0; };
  std::deque<ChannelQueue::Attempt> on_their_way;
  std::map<std::string, std::vector<int>> taken;
  size_t submitted = 0, refused = 0, expired = 0;
  bool listening = false;
  TimePoint now = t0;
  const auto answer = [&] {
    const auto [id, sent] = on_their_way.front();
    on_their_way.pop_front();
    if (listening) {
      queue_.on_taken(id);
      taken[sent->tenant_id].push_back(std::stoi(sent->envelope));
    } else {
      refused += queue_.on_nobody(id, now) == Kept::refused;
    }
  };
  for (int step = 0; step < 20'000; ++step) {
    now += std::chrono::milliseconds(random() % 100);
    if (chance(2)) {
      const AgentMessagePtr made =
          message(std::to_string(++submitted), "t" + std::to_string(random() % 3), random() % 2);
      if (const auto id = queue_.begin(made, now)) {
        on_their_way.push_back({*id, made});
      } else {
        refused += !queue_.push(made, now);
      }
    }
    if (on_their_way.size() < 20) {
      if (const auto attempt = queue_.next(now)) on_their_way.push_back(*attempt);
    }
    if (!on_their_way.empty() && chance(2)) answer();
    // Who comes or leaves while several of a tenant are on their way may hear the later ones alone.
    if (on_their_way.empty() && chance(50)) listening = !listening;
    if (chance(100)) expired += queue_.expire(now);
  }
  listening = true;
  for (; queue_.amount("").messages > 0 || !on_their_way.empty(); now += 250ms) {
    while (const auto attempt = queue_.next(now)) on_their_way.push_back(*attempt);
    while (!on_their_way.empty()) answer();
  }
  size_t count = 0;
  for (const auto& [tenant, numbers] : taken) {
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end())) << tenant;
    count += numbers.size();
  }
  EXPECT_EQ(count + refused + expired, submitted);
  EXPECT_TRUE(queue_.is_quiet());
  EXPECT_TRUE(queue_.take_all().empty());
}

}  // namespace
}  // namespace gw
