// What tests of runs on Redis share: answers of a run store, and a reader that has what its client would
// have.
#pragma once

#include <string>

#include "engine/contract_testing.h"

namespace gw {

// Keeps what it is told, and finds at once what no client could follow.
class FollowingReader : public RunReader {
 public:
  void begin(const gw::Run& run) {
    text = run.log.bytes();
    epoch = run.log.epoch();
    ends = is_over(run.record.status) ? 1 : 0;
  }
  void on_run_changed(const Run& run, const RunChange& change) override {
    using Kind = RunChange::Kind;
    changes.push_back(change);
    if (change.kind == Kind::reloaded) return begin(run);
    EXPECT_GE(change.epoch, epoch);
    EXPECT_EQ(ends, 0) << "nothing comes after the end";
    if (change.kind == Kind::removed) return void(removed = true);
    if (change.kind == Kind::epoch) {
      EXPECT_GT(change.epoch, epoch);
      ASSERT_LE(change.from, text.size());
      text.resize(change.from);
    } else {
      EXPECT_EQ(change.from, text.size());
      text += change.bytes;
    }
    epoch = change.epoch;
    if (change.kind == Kind::end) ++ends;
    if (change.kind == Kind::cancel) ++cancels;
  }

  std::string text;
  uint32_t epoch = 0;
  int ends = 0, cancels = 0;
  bool removed = false;
  std::vector<RunChange> changes;
  RunReading reading;
  const std::shared_ptr<RunReader> self{this, [](RunReader*) {}};
};

class RunTest : public EngineTest {
 protected:
  template <class T>
  using Answer = std::shared_ptr<std::optional<RunResult<T>>>;

  // `call` gets a RunDone<T>; answers what it was told.
  template <class T, class Call>
  RunResult<T> ask_run(const Call& call) {
    const Answer<T> answer = std::make_shared<std::optional<RunResult<T>>>();
    call([answer](RunResult<T> result) {
      EXPECT_FALSE(*answer) << "every call is answered exactly once";
      *answer = std::move(result);
    });
    RunRefusal none;
    none.detail = "no answer";
    if (!until([&] { return answer->has_value(); })) return none;
    return **answer;
  }
  RunResult<RunCreated> create(RunStore& runs, NewRun run) {
    return ask_run<RunCreated>([&](RunDone<RunCreated> done) { runs.create(run, std::move(done)); });
  }
  RunResult<RunClaimed> claim(RunStore& runs, const std::string& id, const RunClaim& claim) {
    return ask_run<RunClaimed>([&](RunDone<RunClaimed> done) { runs.claim(id, {}, claim, std::move(done)); });
  }
  RunResult<RunAppended> append(RunStore& runs, const std::string& id, const RunAppend& append) {
    return ask_run<RunAppended>(
        [&](RunDone<RunAppended> done) { runs.append(id, {}, append, std::move(done)); });
  }
  RunResult<RunBeat> heartbeat(RunStore& runs, const std::string& id, const RunHeartbeat& beat) {
    return ask_run<RunBeat>([&](RunDone<RunBeat> done) { runs.heartbeat(id, {}, beat, std::move(done)); });
  }
  RunResult<RunCancelled> cancel(RunStore& runs, const std::string& id, const std::string& reason) {
    return ask_run<RunCancelled>(
        [&](RunDone<RunCancelled> done) { runs.cancel(id, {}, reason, std::move(done)); });
  }
  RunResult<gw::Run> find(RunStore& runs, const std::string& id) {
    return ask_run<gw::Run>([&](RunDone<gw::Run> done) {
      runs.find(id, {}, [done](RunResult<const gw::Run*> run) {
        if (!run) return done(run.error());
        done(**run);
      });
    });
  }
  // False: it was refused.
  bool read(RunStore& runs, const std::string& id, FollowingReader& reader) {
    return ask_run<bool>([&](RunDone<bool> done) {
             reader.reading = runs.read(id, reader.self, [&reader, done](RunResult<const gw::Run*> run) {
               if (!run) return done(run.error());
               reader.begin(**run);
               done(true);
             });
           })
        .has_value();
  }

  static NewRun new_run(const std::string& id, const std::string& producer = "") {
    NewRun run;
    run.run_id = id;
    run.audience = {RunAudience::Kind::user, "ann", ""};
    if (!producer.empty()) run.claim = RunClaim{.producer = producer};
    return run;
  }
  static RunAppend batch(const std::string& producer, uint32_t epoch, uint64_t seq,
                         const std::string& bytes) {
    RunAppend append;
    append.producer = producer;
    append.epoch = epoch;
    append.seq = seq;
    append.bytes = bytes;
    return append;
  }
  static RunAppend last_batch(const std::string& producer, uint32_t epoch, uint64_t seq,
                              const std::string& bytes) {
    RunAppend append = batch(producer, epoch, seq, bytes);
    append.end = RunEnd{};
    return append;
  }
  template <class T>
  static std::string code_of(const RunResult<T>& result) {
    return result ? "ok" : std::string(to_string(result.error().code));
  }
};

}  // namespace gw
