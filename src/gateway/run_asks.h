// Clients' messages that ask for a run of their answer: the run is there before an agent hears of it, and
// goes when the message is refused. Control loop only.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "core/agent_delivery.h"
#include "core/run_store.h"
#include "gateway/inter_thread.h"
#include "protocol/codes.h"

namespace gw {

class RunAsks {
 public:
  // All outlive it.
  struct Parts {
    RunStore& runs;
    // AgentDelivery::find_duplicate().
    std::function<void(const std::string& dedupe_key, bool everywhere, Done<Submitted> done)> find_duplicate;
    std::function<void(event::Message&& message)> submit;
    // The run was not made, so the message was not sent.
    std::function<void(const event::Message& message, protocol::ErrorCode code)> refuse;
    // It came before; `first_run`: its run, empty where it made none.
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
  void refuse(const std::shared_ptr<event::Message>& held, RunErrc why);
  void go_on(const ConnectionHandle& handle);

  Parts parts_;
  std::unordered_map<ConnectionHandle, Behind, Hash> behind_;
};

}  // namespace gw
