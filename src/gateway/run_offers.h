// Runs that realms push: whoever is here, is meant, and follows runs is offered them; whoever comes later is
// offered those that are still open. Whether a client takes one its shard decides. Control loop only.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <unordered_map>

#include "core/registry.h"
#include "core/run_store.h"
#include "gateway/inter_thread.h"
#include "net/event_loop.h"

namespace gw {

class RunOffers {
 public:
  // All outlive it.
  struct Parts {
    EventLoop& loop;
    RunStore& runs;
    Registry& registry;
    std::function<void(uint32_t shard, ShardCommand command)> post;
    std::function<void(const ShardCommand& command)> post_to_all;
  };
  explicit RunOffers(Parts parts);

  // It has begun to follow runs, or may have missed some. Until the store says which, it is asked again as
  // long as the connection is there.
  void look(const event::RunLook& event);

 private:
  void on_pushed(const RunPushed& pushed);
  void offer(const ConnectionHandle& handle, const std::string& run_id);
  void look_later(const event::RunLook& event);
  void look_again();

  const Parts parts_;
  // Those whose look has failed, each once, in order.
  std::unordered_map<ConnectionId, event::RunLook> failed_;
  std::deque<ConnectionId> order_;
  EventLoop::Registration again_;  // while there are any
};

}  // namespace gw
