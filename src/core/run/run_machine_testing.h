// For tests: one run, the time that it is asked at, and what its readers hear of the last call.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "core/run/run_machine.h"

namespace gw::run {

class RunMachine : public testing::Test {
 protected:
  static constexpr WallTime t0{1'700'000'000'000ms};

  RunMachine() {
    NewRun asked;
    asked.run_id = "r";
    run_ = make(asked, limits_, t0);
  }

  RunClaim claim_of(const std::string& producer) {
    RunClaim claim;
    claim.producer = producer;
    return claim;
  }
  RunResult<RunClaimed> claim(const RunClaim& claim) {
    changes_.clear();
    return run::claim(run_, claim, 30s, now_, changes_);
  }
  RunResult<RunClaimed> claim(const std::string& producer) { return claim(claim_of(producer)); }
  RunResult<RunAppended> append(const std::string& producer, uint32_t epoch, uint64_t seq,
                                const std::string& bytes, std::optional<RunEnd> end = {}) {
    RunAppend append;
    append.producer = producer;
    append.epoch = epoch;
    append.seq = seq;
    append.bytes = bytes;
    append.end = std::move(end);
    return this->append(append);
  }
  RunResult<RunAppended> append(const RunAppend& append) {
    changes_.clear();
    return run::append(run_, append, now_, changes_);
  }
  void settle(Duration passes = {}) {
    now_ += std::chrono::duration_cast<std::chrono::milliseconds>(passes);
    changes_.clear();
    run::settle(run_, limits_.cancel_grace, now_, changes_);
  }
  RunCancelled cancel() {
    changes_.clear();
    return run::cancel(run_, "enough", now_, changes_);
  }
  template <class T>
  static std::string error_of(const RunResult<T>& result) {
    return result ? "none" : std::string(to_string(result.error().code));
  }
  std::string status() const { return std::string(to_string(run_.record.status)); }
  std::string end_code() const { return run_.record.rare->error ? run_.record.rare->error->code : "none"; }

  RunLimits limits_;
  WallTime now_ = t0;
  gw::Run run_;
  Changes changes_;
};

}  // namespace gw::run
