// Runs that realms push: whoever is here, is meant, and follows runs is offered them; whoever comes later is
// offered those that are still open. Whether a client takes one its shard decides. Control loop only.
#pragma once

#include <functional>
#include <string>

#include "core/registry.h"
#include "core/run_store.h"
#include "gateway/inter_thread.h"

namespace gw {

class RunOffers {
 public:
  // All outlive it.
  struct Parts {
    RunStore& runs;
    Registry& registry;
    std::function<void(uint32_t shard, ShardCommand command)> post;
    std::function<void(const ShardCommand& command)> post_to_all;
  };
  explicit RunOffers(Parts parts);

  // It has begun to follow runs, or may have missed some.
  void look(const event::RunLook& event);

 private:
  void on_pushed(const RunPushed& pushed);
  void offer(const ConnectionHandle& handle, const std::string& run_id);

  const Parts parts_;
};

}  // namespace gw
