// What the tests of both engines' run stores share: a store, the clock that it goes by, and whoever asks it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "core/run_store.h"
#include "engine/kinds_testing.h"
#include "engine/memory/engine.h"
#include "engine/redis/engine.h"

namespace gw {

// A store under test. Its clock is turned on the memory engine, and waited for where it is the server's.
class RunStoreUnderTest {
 public:
  virtual ~RunStoreUnderTest() = default;
  virtual RunStore& store() = 0;
  virtual StreamStore& streams() = 0;
  virtual void pass(Duration time) = 0;
  // Turns the loop once, until something happens or a little time is over.
  virtual void turn() = 0;
  // Nothing but pass() moves its clock, and whatever is due by then has been done.
  virtual bool has_exact_clock() const = 0;
};

// A machine whose time stands still until it is told.
class StillMachine final : public VirtualMachine {
 public:
  TimePoint now() override { return now_; }
  WallTime wall_now() override { return WallTime(1'700'000'000'000ms) + wall_ahead_ + since_start(); }
  void at(TimePoint due, std::function<void()> function) override {
    due_.push({due, ++number_, std::move(function)});
  }
  bool run_one() override {
    if (due_.empty() || due_.top().at > now_) return false;
    const auto function = due_.top().function;
    due_.pop();
    function();
    return true;
  }
  std::shared_ptr<Stream> make_stream(EventLoop&, const TlsOptions&) override { return nullptr; }

  void pass(EventLoop& loop, Duration time) {
    const TimePoint end = now_ + time;
    while (!due_.empty() && due_.top().at <= end) {
      now_ = std::max(now_, due_.top().at);
      loop.turn(0ms);
    }
    now_ = end;
    loop.turn(0ms);
  }
  // Time goes on, and nothing runs meanwhile.
  void stall(Duration time) { now_ += time; }
  // Somebody sets the clock.
  void set_wall(std::chrono::milliseconds ahead) { wall_ahead_ += ahead; }

 private:
  struct Due {
    TimePoint at;
    uint64_t number;
    std::function<void()> function;
    bool operator<(const Due& other) const { return std::tie(at, number) > std::tie(other.at, other.number); }
  };
  std::chrono::milliseconds since_start() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now_ - TimePoint(1000s));
  }

  TimePoint now_{1000s};
  std::chrono::milliseconds wall_ahead_{0};
  std::priority_queue<Due> due_;
  uint64_t number_ = 0;
};

class MemoryRunStoreUnderTest final : public RunStoreUnderTest {
 public:
  MemoryRunStoreUnderTest(const ChannelTable& channels, const RunLimits& limits)
      : loop_(machine_), engine_(loop_, channels, options(limits)) {
    engine_.start();
    machine_.pass(loop_, 0ms);
  }
  RunStore& store() override { return engine_.runs(); }
  StreamStore& streams() override { return engine_.streams(); }
  void pass(Duration time) override { machine_.pass(loop_, time); }
  void turn() override { loop_.turn(0ms); }
  bool has_exact_clock() const override { return true; }
  StillMachine& machine() { return machine_; }

 private:
  static memory::EngineOptions options(const RunLimits& limits) {
    memory::EngineOptions options;
    options.instance_id = "gw-1";
    options.runs.limits = limits;
    return options;
  }

  StillMachine machine_;
  EventLoop loop_;
  memory::Engine engine_;
};

// On the redis-servers that tests share, or their cluster, with names of its own.
class RedisRunStoreUnderTest final : public RunStoreUnderTest {
 public:
  RedisRunStoreUnderTest(const ChannelTable& channels, const RunLimits& limits,
                         const std::vector<redis::Url>& urls)
      : engine_(loop_, channels, options(limits, urls)) {
    engine_.clients().attach(
        {.publish = [](const Publication&) { return Result<void>(); },
         .send = [](const ConnectionHandle&, std::string_view) { return Result<void>(); },
         .engine_lost = [] {}});
    engine_.start();
    bool works = false, asks = false;
    for (const TimePoint end = steady_now() + 20s; !works && steady_now() < end; loop_.turn(5ms)) {
      if (std::exchange(asks, true)) continue;
      engine_.probe([&](const Result<void>& probed) {
        works = probed.has_value() && engine_.stats().away.empty();
        asks = false;
      });
    }
    EXPECT_TRUE(works);
  }
  RunStore& store() override { return engine_.runs(); }
  StreamStore& streams() override { return engine_.streams(); }
  void pass(Duration time) override {
    for (const TimePoint end = steady_now() + time; steady_now() < end;)
      loop_.turn(std::min<Duration>(time, 5ms));
  }
  // What was asked outside of a turn leaves at the end of one that has something to do.
  void turn() override {
    loop_.post([] {});
    loop_.turn(0ms);
    loop_.turn(5ms);
  }
  bool has_exact_clock() const override { return false; }

 private:
  static redis::EngineOptions options(const RunLimits& limits, const std::vector<redis::Url>& urls) {
    static int tests = 0;
    redis::EngineOptions options;
    options.urls = urls;
    options.key_prefix = "runs{" + std::to_string(++tests) + "}:";
    options.instance_id = "gw-1";
    options.runs.limits = limits;
    return options;
  }

  EventLoop loop_;
  redis::Engine engine_;
};

// Remembers what it heard, and holds it against the log that it was given first.
class TestRunReader : public RunReader {
 public:
  void on_run_changed(const Run& run, const RunChange& change) override {
    changes.push_back(change);
    using Kind = RunChange::Kind;
    if (change.kind == Kind::append || change.kind == Kind::end) {
      EXPECT_EQ(change.from, text.size());
      text += change.bytes;
    } else if (change.kind == Kind::epoch) {
      EXPECT_LE(change.from, text.size());
      text.resize(change.from);
    }
    if (on_change) on_change(run, change);
  }
  // "epoch append append end"
  std::string kinds() const {
    constexpr const char* kNames[] = {"append", "epoch", "cancel", "end", "reloaded", "removed"};
    std::string out;
    for (const RunChange& change : changes)
      out.append(out.empty() ? "" : " ").append(kNames[static_cast<size_t>(change.kind)]);
    return out;
  }

  std::vector<RunChange> changes;
  std::string text;
  std::function<void(const Run&, const RunChange&)> on_change;
  RunReading reading;
};

class RunStoreTest : public testing::Test {
 protected:
  void TearDown() override {
    for (const auto& answers : answers_) EXPECT_EQ(*answers, 1) << "every call is answered exactly once";
  }

  RunStore& store() { return under_test_->store(); }
  void pass(Duration time) { under_test_->pass(time); }
  // Turns the loop until it holds; false when it does not within `patience` of the engine's time. Where that
  // is everybody's, a busy machine has longer.
  template <class Condition>
  bool until(const Condition& holds, Duration patience = 10s) {
    if (!under_test_->has_exact_clock()) patience = std::max<Duration>(patience, 20s);
    for (int i = 0; i < 20 && !holds(); ++i) under_test_->turn();
    for (Duration waited{}; !holds() && waited < patience; waited += kStep) pass(kStep);
    return holds();
  }

  template <class T, class Call>
  RunResult<T> ask(const Call& call) {
    const auto answer = std::make_shared<std::optional<RunResult<T>>>();
    const auto answers = std::make_shared<int>(0);
    answers_.push_back(answers);
    call([answer, answers](RunResult<T> result) {
      ++*answers;
      answer->emplace(std::move(result));
    });
    if (!until([&] { return answer->has_value(); })) {
      ADD_FAILURE() << "no answer";
      return RunRefusal{};
    }
    return **answer;
  }

  RunResult<RunCreated> create(const NewRun& run) {
    return ask<RunCreated>([&](RunDone<RunCreated> done) { store().create(run, std::move(done)); });
  }
  RunResult<RunClaimed> claim(const std::string& id, const RunClaim& claim, const RunReach& reach = {}) {
    return ask<RunClaimed>(
        [&](RunDone<RunClaimed> done) { store().claim(id, reach, claim, std::move(done)); });
  }
  RunResult<RunClaimed> claim(const std::string& id, const std::string& producer) {
    return claim(id, claim_of(producer));
  }
  RunResult<RunAppended> append(const std::string& id, const RunAppend& append, const RunReach& reach = {}) {
    return ask<RunAppended>(
        [&](RunDone<RunAppended> done) { store().append(id, reach, append, std::move(done)); });
  }
  RunResult<RunAppended> append(const std::string& id, uint64_t seq, const std::string& text,
                                std::optional<RunEnd> end = {}, uint32_t epoch = 1) {
    return append(id, append_of("a", epoch, seq, text, std::move(end)));
  }
  RunResult<RunBeat> heartbeat(const std::string& id, const RunHeartbeat& beat, const RunReach& reach = {}) {
    return ask<RunBeat>([&](RunDone<RunBeat> done) { store().heartbeat(id, reach, beat, std::move(done)); });
  }
  RunResult<RunCancelled> cancel(const std::string& id, const RunReach& reach = {}) {
    return ask<RunCancelled>(
        [&](RunDone<RunCancelled> done) { store().cancel(id, reach, "enough", std::move(done)); });
  }
  RunResult<void> remove(const std::string& id, const RunReach& reach = {}) {
    return ask<void>([&](RunDone<void> done) { store().remove(id, reach, std::move(done)); });
  }
  // A copy: what `done` is given is valid within it only.
  RunResult<gw::Run> find(const std::string& id, const RunReach& reach = {}) {
    return ask<gw::Run>([&](RunDone<gw::Run> done) {
      store().find(id, reach, [done](RunResult<const gw::Run*> run) {
        if (run) return done(**run);
        done(run.error());
      });
    });
  }
  RunResult<RunTail> find_tail(const std::string& id, const std::optional<RunCursor>& cursor,
                               const RunReach& reach = {}) {
    return ask<RunTail>(
        [&](RunDone<RunTail> done) { store().find_tail(id, reach, cursor, std::move(done)); });
  }
  RunResult<RunList> list(const RunFilter& filter) {
    return ask<RunList>([&](RunDone<RunList> done) { store().list(filter, std::move(done)); });
  }
  std::string ids_of(const RunFilter& filter) {
    const auto listed = list(filter);
    if (!listed) return std::string(to_string(listed.error().code));
    std::string out;
    for (const RunRecord& run : listed->runs) out.append(out.empty() ? "" : " ").append(run.run_id);
    return out;
  }
  std::string find_thread(const RunAudience& audience, const std::string& thread, ChannelIndex channel = 0) {
    const auto found = ask<std::string>(
        [&](RunDone<std::string> done) { store().find_thread(audience, channel, thread, std::move(done)); });
    return found ? *found : std::string(to_string(found.error().code));
  }
  std::shared_ptr<TestRunReader> read(const std::string& id) {
    const auto reader = std::make_shared<TestRunReader>();
    const auto run = ask<std::string>([&](RunDone<std::string> done) {
      reader->reading = store().read(id, reader, [done](RunResult<const gw::Run*> found) {
        if (found) return done(std::string((*found)->log.bytes()));
        done(found.error());
      });
    });
    if (run) reader->text = *run;
    EXPECT_EQ(error_of(run), "none");
    return reader;
  }
  // Of whoever listens all that the store has said has arrived.
  void settle() {
    find("nobody's");
    for (int i = 0; i < 20; ++i) under_test_->turn();
  }

  static RunClaim claim_of(const std::string& producer, const std::string& token = "") {
    RunClaim claim;
    claim.producer = producer;
    claim.token = token;
    return claim;
  }
  static RunAppend append_of(const std::string& producer, uint32_t epoch, uint64_t seq,
                             const std::string& text, std::optional<RunEnd> end = {}) {
    RunAppend append;
    append.producer = producer;
    append.epoch = epoch;
    append.seq = seq;
    append.bytes = text;
    append.end = std::move(end);
    return append;
  }
  static RunAudience user(const std::string& name, const std::string& tenant = "") {
    return {RunAudience::Kind::user, name, tenant};
  }
  static NewRun new_run(const std::string& id, const std::string& user_id = "ann") {
    NewRun run;
    run.run_id = id;
    run.audience = user(user_id);
    return run;
  }
  // Of a client without a session.
  static NewRun strangers_run(const std::string& id, const std::string& connection) {
    NewRun run;
    run.run_id = id;
    run.asked_by = connection;
    return run;
  }
  static NewRun claimed_run(const std::string& id, const std::string& user_id = "ann") {
    NewRun run = new_run(id, user_id);
    run.claim = claim_of("a", "token-" + id);
    return run;
  }
  static NewRun realms_run(const std::string& id, const std::string& realm) {
    NewRun run = claimed_run(id, id);
    run.claim->realm = realm;
    return run;
  }
  static RunClaim claim_by(const std::string& realm, const std::string& token = "") {
    RunClaim claim = claim_of("a", token);
    claim.realm = realm;
    return claim;
  }
  template <class T>
  static std::string error_of(const RunResult<T>& result) {
    return result ? "none" : std::string(to_string(result.error().code));
  }
  std::string status_of(const std::string& id) {
    const auto run = find(id);
    return run ? std::string(to_string(run->record.status)) : error_of(run);
  }
  std::string end_code_of(const std::string& id) {
    const auto run = find(id);
    return run && run->record.rare->error ? run->record.rare->error->code : error_of(run);
  }
  bool comes_to(const std::string& id, const std::string& status, Duration patience = 10s) {
    return until([&] { return status_of(id) == status; }, patience);
  }

  static constexpr Duration kStep = 50ms;
  const ChannelTable channels_{{"guide", "pillar:content", "pillar:insights"}};
  RunLimits limits_;
  std::unique_ptr<RunStoreUnderTest> under_test_;

 private:
  std::vector<std::shared_ptr<int>> answers_;
};

// The same for a suite over engines.
class RunContract : public RunStoreTest, public testing::WithParamInterface<EngineUnderTest> {
 protected:
  // Of a group's delivery, as the engines are made with.
  static Duration ack_wait() { return 30s; }
  void begin() {
    if (GetParam() == EngineUnderTest::memory) {
      under_test_ = std::make_unique<MemoryRunStoreUnderTest>(channels_, limits_);
    } else {
      under_test_ = std::make_unique<RedisRunStoreUnderTest>(channels_, limits_, urls_of(GetParam()));
    }
  }
};

}  // namespace gw
