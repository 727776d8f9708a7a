// Clients' messages that ask for a run of their answer: the run is there before an agent hears of it, and
// goes when the message is refused. Control loop only.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>

#include "core/run_store.h"
#include "gateway/inter_thread.h"
#include "protocol/codes.h"

namespace gw {

class RunAsks {
 public:
  // All outlive it.
  struct Parts {
    RunStore& runs;
    std::function<void(event::Message&& message)> submit;
    // The run was not made, so the message was not sent.
    std::function<void(const event::Message& message, protocol::ErrorCode code)> refuse;
    // It came before, and its run is open: that is `first_run`.
    std::function<void(const event::Message& message, const std::string& first_run)> repeat;
  };

  explicit RunAsks(Parts parts) : parts_(std::move(parts)) {}

  // True: it has the message, which asks for a run, or stands behind one of its connection that does.
  bool take(event::Message& message);

 private:
  // Of one connection while a run of its is being made; so its messages keep their order.
  struct Behind {
    std::deque<event::Message> messages;
    size_t bytes = 0;
    bool is_making = false;  // the store has not answered
    bool is_going_on = false;
  };
  static constexpr size_t kBytesBehindMax = size_t{4} << 20;
  struct Hash {
    size_t operator()(const ConnectionHandle& h) const noexcept {
      return (size_t{h.shard} << 48) ^ (size_t{h.slot} << 24) ^ h.generation;
    }
  };

  void make_run(event::Message&& message);
  void on_made(event::Message&& message, const RunResult<RunCreated>& made);
  void go_on(const ConnectionHandle& handle);

  Parts parts_;
  std::unordered_map<ConnectionHandle, Behind, Hash> behind_;
};

}  // namespace gw
