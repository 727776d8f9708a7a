// Publications and messages to clients of a gateway that runs alone: all of them are here.
#pragma once

#include <string_view>
#include <utility>

#include "core/client_delivery.h"
#include "engine/memory/agent_delivery.h"

namespace gw::memory {

class ClientDelivery final : public gw::ClientDelivery {
 public:
  explicit ClientDelivery(AgentDelivery& agents) : agents_(agents) {}

  void attach(Local local) override { local_ = std::move(local); }
  void publish(Publication publication, Done<Missed> done) override {
    if (const Result<void> delivered = local_.publish(publication); !delivered)
      return done(delivered.error());
    agents_.announce(publication);
    done(Missed{});
  }
  void send(const ConnectionRecord& record, std::string_view message, Done<void> done) override {
    done(local_.send(record.handle, message));
  }

 private:
  AgentDelivery& agents_;
  Local local_;
};

}  // namespace gw::memory
