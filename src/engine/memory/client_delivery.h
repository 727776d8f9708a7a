// Publications and messages to clients of a gateway that runs alone: all of them are here.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/client_delivery.h"
#include "engine/memory/agent_delivery.h"

namespace gw::memory {

class ClientDelivery final : public gw::ClientDelivery {
 public:
  ClientDelivery(AgentDelivery& agents, std::string instance_id)
      : agents_(agents), instance_id_(std::move(instance_id)) {}

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
  void post(ClientPost post, Done<PostVerdict> done) override {
    if (post.token.instance != instance_id_)
      return done(Error{Errc::not_found, "the connection's instance is gone"});
    local_.post(post, std::move(done));
  }

 private:
  AgentDelivery& agents_;
  const std::string instance_id_;
  Local local_;
};

}  // namespace gw::memory
