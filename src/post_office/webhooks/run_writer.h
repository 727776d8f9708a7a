// Writes an answer into its run as it comes, as the run's owner: claims it, has one batch on its way at a
// time and sends it again where its answer got lost, keeps the lease. Control loop only.
//
//   claiming --> open --finish()--> ending --> over
//      |           |__________________|          ^
//      `-------- refused, lost, cancelled -------'
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "core/run_store.h"
#include "net/event_loop.h"

namespace gw {

class RunWriter {
 public:
  struct Claim {
    std::string run_id;
    RunFormat format = RunFormat::text;
    RunReach reach;
    RunClaim claim;
  };
  // What became of the run.
  enum class Over : uint8_t {
    ended,      // as finish() said
    refused,    // it is over already, another has it, or nobody can reach it
    lost,       // another has taken it over, or ended it
    uncertain,  // the engine does not say
  };
  struct Events {
    std::function<void()> on_room;       // all that was said is stored
    std::function<void()> on_cancelled;  // somebody asks for its end; finish() is due
    std::function<void(Over)> on_over;   // last
  };

  // Both outlive it. No event comes after it is gone.
  RunWriter(EventLoop& loop, RunStore& runs, Claim claim, Events events);

  // Claims the run. Any event may come within, and end this.
  void begin() { this->claim(); }
  // A piece of the answer: text, or an item where the run's format has them.
  void say(std::string_view piece, bool is_item);
  // Ends it behind what was said. What counts is the first.
  void finish(RunEnd end);
  // More is not stored yet than should be: wait for on_room.
  bool is_behind() const { return unsent_bytes_ > kUnsentBytes; }

 private:
  static constexpr size_t kUnsentBytes = size_t{256} << 10;
  enum class State : uint8_t { claiming, open, over };

  struct Piece {
    std::string bytes;
    bool is_item = false;
  };

  void claim();
  void on_claimed(const RunResult<RunClaimed>& claimed);
  void pump();
  RunAppend next_batch();
  void send();
  void on_appended(const RunResult<RunAppended>& appended);
  void on_refused(const RunRefusal& refusal);
  void beat();
  void on_cancel_requested(bool is_requested);
  void try_again(Duration least, std::function<void()> what);
  void be_over(Over how);
  // For callbacks of the store: empty once this is gone.
  template <class T>
  RunDone<T> guarded(void (RunWriter::*method)(const RunResult<T>&)) {
    return [this, method, alive = std::weak_ptr<int>(alive_)](const RunResult<T>& result) {
      if (!alive.expired()) (this->*method)(result);
    };
  }

  EventLoop& loop_;
  RunStore& runs_;
  const Claim claim_;
  const Events events_;
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);

  State state_ = State::claiming;
  uint32_t epoch_ = 0;
  std::deque<Piece> unsent_;
  size_t unsent_bytes_ = 0;
  std::optional<RunEnd> end_;       // to come, or on its way
  std::optional<RunAppend> batch_;  // on its way
  uint64_t seq_ = 0;
  bool is_cancelled_ = false;
  TimePoint since_;  // when what is tried again was tried first
  Duration pause_{};
  EventLoop::Registration again_;
  EventLoop::Registration beats_;
};

}  // namespace gw
