// Until runs are kept in Redis: says so to whoever asks.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/run_store.h"
#include "net/event_loop.h"

namespace gw::redis {

class RunsUnavailable final : public gw::RunStore {
 public:
  explicit RunsUnavailable(EventLoop& loop) : loop_(loop) {}

  void create(NewRun, RunDone<RunCreated> done) override { done(refusal()); }
  void withdraw(const std::string&) override {}
  void claim(const std::string&, const RunReach&, RunClaim, RunDone<RunClaimed> done) override {
    done(refusal());
  }
  void append(const std::string&, const RunReach&, RunAppend, RunDone<RunAppended> done) override {
    done(refusal());
  }
  void heartbeat(const std::string&, const RunReach&, RunHeartbeat, RunDone<RunBeat> done) override {
    done(refusal());
  }
  void cancel(const std::string&, const RunReach&, std::string, RunDone<RunCancelled> done) override {
    done(refusal());
  }
  void remove(const std::string&, const RunReach&, RunDone<void> done) override { done(refusal()); }
  void find(const std::string&, const RunReach&, RunDone<const Run*> done) override { done(refusal()); }
  void list(const RunFilter&, RunDone<std::vector<RunRecord>> done) override { done(refusal()); }
  void find_thread(const RunAudience&, ChannelIndex, std::string_view, RunDone<std::string> done) override {
    done(refusal());
  }
  [[nodiscard]] RunReading read(const std::string&, std::weak_ptr<RunReader>,
                                RunDone<const Run*> done) override {
    done(refusal());
    return {};
  }
  WallTime now() const override { return loop_.wall_now(); }
  RunStats stats() const override { return {}; }
  void stop() override {}

 private:
  void end_reading(uint64_t) override {}
  const Run* run_of_reading(uint64_t) const override { return nullptr; }

  static RunRefusal refusal() {
    RunRefusal refusal;
    refusal.detail = "runs on Redis are not built in yet";
    return refusal;
  }

  EventLoop& loop_;
};

}  // namespace gw::redis
