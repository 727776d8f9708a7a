#include "engine/redis/run_appends.h"

#include <algorithm>

#include "engine/redis/run_testing.h"

namespace gw {
namespace {

// Of another process than the one whose store makes and claims the runs.
class RunAppends : public RunTest {
 protected:
  RunAppends()
      : instance_(start(EngineUnderTest::redis, "gw-a")),
        client_(loop_, dial(), "appends"),
        keys_(key_prefix_, "gw-x", 0),
        subscriptions_(loop_, client_),
        places_({{0, client_, subscriptions_, keys_}}),
        calls_({loop_, places_, channels_}, options_),
        index_(places_, options_.limits),
        appends_({loop_, calls_, index_},
                 {.on_alive = [](const std::string&, Duration) {},
                  .on_ended = [](const std::string&, RunStatus, const redis::RunCounted&) {}}) {
    client_.start({.on_up = [] {}, .on_down = [] {}, .on_push = {}});
    EXPECT_TRUE(until([&] { return client_.is_up(); }));
    redis::load_scripts(client_);
  }
  static redis::DialOptions dial() {
    redis::DialOptions dial;
    dial.url = redis::TestServer::shared().url();
    return dial;
  }
  RunStore& runs() { return instance_->engine().runs(); }
  // Answers as ask_run() does, later.
  Answer<RunAppended> begin(const std::string& id, const RunAppend& batch) {
    const auto answer = std::make_shared<std::optional<RunResult<RunAppended>>>();
    appends_.append(id, {}, batch, [answer](RunResult<RunAppended> result) {
      EXPECT_FALSE(*answer);
      *answer = std::move(result);
    });
    return answer;
  }
  RunResult<RunAppended> say(const std::string& id, const RunAppend& batch) {
    return ask_run<RunAppended>(
        [&](RunDone<RunAppended> done) { appends_.append(id, {}, batch, std::move(done)); });
  }

  const std::unique_ptr<TestInstance> instance_;
  redis::Client client_;
  const redis::Keys keys_;
  redis::Subscriptions subscriptions_;  // nobody uses it
  const redis::RunPlaces places_;
  const redis::RunStoreOptions options_;
  redis::RunCalls calls_;
  redis::RunIndex index_;
  redis::RunAppends appends_;
  // More than is reserved beforehand.
  const std::string large_ = std::string(100'000, 'x');
};

TEST_F(RunAppends, NothingIsKeptOfRunsThatAreNotThere) {
  ASSERT_TRUE(create(runs(), new_run("r", "one")));
  const RunAppend text = batch("one", 1, 0, "text");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(code_of(say("nobodys-" + std::to_string(i), text)), "run_not_found");
  EXPECT_EQ(appends_.owners(), 0u);
  EXPECT_EQ(code_of(say("r", text)), "ok");
  EXPECT_EQ(appends_.owners(), 1u);
  appends_.tick(loop_.now() + RunLimits::kLeaseMax + 1s);
  EXPECT_EQ(appends_.owners(), 0u) << "nor of an owner that is silent for long";
}

TEST_F(RunAppends, ALogThatDoesNotGrowTakesNoMoreRoomThanItNeeds) {
  ASSERT_TRUE(create(runs(), new_run("r", "one")));
  const auto used = [&] {
    std::optional<int64_t> bytes;
    client_.command({"MEMORY", "USAGE", keys_.run_log("r")},
                    [&](const Result<redis::Reply>& reply) { bytes = reply ? reply->integer() : -1; });
    EXPECT_TRUE(until([&] { return bytes.has_value(); }));
    return *bytes;
  };
  const std::string text(6000, 'x');
  for (uint64_t seq = 0; seq < 3; ++seq) EXPECT_EQ(code_of(say("r", batch("one", 1, seq, text))), "ok");
  const int64_t grown = used();
  EXPECT_GT(grown, 24'000);
  const TimePoint now = loop_.now();
  appends_.trim(now + redis::RunTrims::kQuiet - 100ms);
  EXPECT_EQ(used(), grown) << "it may be growing";
  appends_.trim(now + redis::RunTrims::kQuiet + 100ms);
  EXPECT_TRUE(until([&] { return used() < 22'000; })) << used();
  EXPECT_EQ(code_of(say("r", batch("one", 1, 3, "!"))), "ok");
  EXPECT_EQ(find(runs(), "r")->log.bytes(), text + text + text + "!");
}

TEST(RunTrims, ALogThatGrowsALittleAfterEachPauseIsStoredAnewNowAndThen) {
  redis::RunTrims::Growth growth;
  const TimePoint t0 = TimePoint() + 1h;
  EXPECT_FALSE(growth.is_worth_it(100, false, t0)) << "too little";
  EXPECT_TRUE(growth.is_worth_it(10'000, false, t0));
  EXPECT_TRUE(growth.is_worth_it(10'100, false, t0 + 1s)) << "it has not been quiet yet";
  EXPECT_FALSE(growth.is_worth_it(10'200, false, t0 + 10s));
  EXPECT_FALSE(growth.is_worth_it(12'600, false, t0 + 20s));
  EXPECT_TRUE(growth.is_worth_it(12'650, false, t0 + 30s)) << "a quarter more than when it was";
  EXPECT_FALSE(growth.is_worth_it(12'700, false, t0 + 40s));
  EXPECT_TRUE(growth.is_worth_it(12'701, true, t0 + 50s)) << "and all there will be";
}

TEST_F(RunAppends, WhoAsksInVainHoldsUpNobody) {
  ASSERT_TRUE(create(runs(), new_run("r", "one")));
  ASSERT_TRUE(say("r", batch("one", 1, 0, "x")));
  std::vector<Answer<RunAppended>> own, foreign;
  for (uint64_t seq = 1; seq <= 50; ++seq) {
    foreign.push_back(begin("r", batch("two", 1, seq, "no")));
    own.push_back(begin("r", batch("one", 1, seq, "x")));
  }
  ASSERT_TRUE(until([&] { return own.back()->has_value() && foreign.back()->has_value(); }));
  for (const auto& answer : own) EXPECT_EQ(code_of(**answer), "ok");
  for (const auto& answer : foreign) EXPECT_EQ(code_of(**answer), "fenced");
  EXPECT_EQ(find(runs(), "r")->log.bytes(), std::string(51, 'x'));
}

TEST_F(RunAppends, WhatANewOwnerSaysAtOnceIsStoredInOrder) {
  ASSERT_TRUE(create(runs(), new_run("r", "one")));
  ASSERT_TRUE(say("r", batch("one", 1, 0, "x")));
  ASSERT_TRUE(claim(runs(), "r", {.producer = "two", .force = true}));
  std::vector<Answer<RunAppended>> answers;
  std::string text = "x";
  for (uint64_t seq = 0; seq < 50; ++seq) {
    answers.push_back(begin("r", batch("two", 2, seq, std::to_string(seq))));
    text += std::to_string(seq);
  }
  ASSERT_TRUE(until([&] { return answers.back()->has_value(); }));
  for (const auto& answer : answers) EXPECT_EQ(code_of(**answer), "ok");
  EXPECT_EQ(find(runs(), "r")->log.bytes(), text);
}

TEST_F(RunAppends, WhatComesWhileTheRunIsLookedAtIsStoredInOrder) {
  ASSERT_TRUE(create(runs(), new_run("r", "one")));
  std::vector<Answer<RunAppended>> answers;
  std::string text;
  for (uint64_t seq = 0; seq < 50; ++seq) {
    answers.push_back(begin("r", batch("one", 1, seq, std::to_string(seq))));
    text += std::to_string(seq);
  }
  ASSERT_TRUE(until([&] { return answers.back()->has_value(); }));
  for (const auto& answer : answers) EXPECT_EQ(code_of(**answer), "ok");
  EXPECT_EQ(find(runs(), "r")->log.bytes(), text);
}

TEST_F(RunAppends, WhoWasTheOwnerWhenTheRunWasReadIsFenced) {
  ASSERT_TRUE(create(runs(), new_run("r", "one")));
  ASSERT_TRUE(say("r", batch("one", 1, 0, "x")));
  ASSERT_TRUE(claim(runs(), "r", {.producer = "two", .force = true}));
  const auto late = say("r", batch("one", 1, 1, "late"));
  ASSERT_EQ(code_of(late), "fenced");
  EXPECT_EQ(late.error().epoch, 2u);
  EXPECT_EQ(late.error().run->epoch, 2u);
  RunAppend by_any = batch("three", 2, 0, "y");
  by_any.any_producer = true;
  EXPECT_EQ(code_of(say("r", by_any)), "ok");
  EXPECT_EQ(find(runs(), "r")->log.bytes(), "xy");
}

TEST_F(RunAppends, WhatFindsAnotherRunOfThatNameIsStoredInOrder) {
  ASSERT_TRUE(create(runs(), new_run("r", "one")));
  ASSERT_TRUE(say("r", batch("one", 1, 0, "x")));
  ask_run<bool>([&](RunDone<bool> done) {
    runs().remove("r", {}, [done](const RunResult<void>& removed) { done(removed.has_value()); });
  });
  // What it counted for is undone behind the answer.
  ASSERT_TRUE(until([&] { return create(runs(), new_run("r", "one")).has_value(); }));
  std::vector<Answer<RunAppended>> answers;
  for (uint64_t seq = 0; seq < 10; ++seq)
    answers.push_back(begin("r", batch("one", 1, seq, std::to_string(seq))));
  ASSERT_TRUE(until([&] {
    return std::all_of(answers.begin(), answers.end(),
                       [](const auto& answer) { return answer->has_value(); });
  }));
  for (const auto& answer : answers) EXPECT_EQ(code_of(**answer), "ok");
  EXPECT_EQ(find(runs(), "r")->log.bytes(), "0123456789");
}

TEST_F(RunAppends, WhoMayNotReachTheRunLearnsNothingOfItsOwner) {
  NewRun acmes = new_run("r", "one");
  acmes.claim->realm = "acme";
  ASSERT_TRUE(create(runs(), acmes));
  ASSERT_TRUE(say("r", batch("one", 1, 0, "x")));
  RunReach foreign;
  foreign.realm = "another";
  const auto answer = ask_run<RunAppended>([&](RunDone<RunAppended> done) {
    appends_.append("r", foreign, batch("two", 7, 0, "y"), std::move(done));
  });
  EXPECT_EQ(code_of(answer), "run_not_found");
  EXPECT_FALSE(answer.error().run);
  EXPECT_EQ(code_of(say("r", batch("two", 7, 0, "y"))), "fenced");
}

TEST_F(RunAppends, AnOwnerWhoClaimedElsewhereHasRoom) {
  ASSERT_TRUE(create(runs(), new_run("r", "one")));
  ASSERT_TRUE(say("r", batch("one", 1, 0, "x")));
  ASSERT_TRUE(claim(runs(), "r", {.producer = "two", .force = true}));
  EXPECT_EQ(code_of(say("r", batch("two", 2, 0, large_))), "ok");
  EXPECT_EQ(code_of(say("r", batch("one", 1, 1, large_))), "fenced");
}

TEST_F(RunAppends, AClaimThatComesBehindTheLookIsTooLate) {
  ASSERT_TRUE(create(runs(), new_run("r", "one")));
  ASSERT_TRUE(say("r", batch("one", 1, 0, "x")));
  const RunAppend append = batch("two", 2, 0, large_);
  const auto answer = begin("r", append);
  // Behind the look at the run, and before what that look leads to.
  bool is_claimed = false;
  calls_.claim("r", {}, {.producer = "two", .force = true}, nullptr,
               [&](const Result<redis::RunAnswer>& claimed) { is_claimed = claimed->code() == "claimed"; });
  ASSERT_TRUE(until([&] { return answer->has_value(); }));
  EXPECT_TRUE(is_claimed);
  EXPECT_EQ(code_of(**answer), "fenced") << "the claim came behind it";
  EXPECT_EQ(find(runs(), "r")->log.bytes(), "x");
  EXPECT_EQ(code_of(say("r", append)), "ok");
}

TEST_F(RunAppends, HoweverManyWaitWhenRedisGoesEachIsAnswered) {
  ASSERT_TRUE(create(runs(), new_run("r", "one")));
  std::vector<Answer<RunAppended>> answers;
  for (uint64_t seq = 0; seq < 100'000; ++seq) answers.push_back(begin("r", batch("one", 1, seq, "x")));
  client_.restart(Error{Errc::unavailable, "gone"});
  for (const auto& answer : answers) ASSERT_EQ(code_of(answer->value()), "unavailable");
  EXPECT_TRUE(until([&] { return client_.is_up(); }));
  EXPECT_EQ(code_of(say("r", batch("one", 1, 0, "x"))), "ok");
}

}  // namespace
}  // namespace gw
