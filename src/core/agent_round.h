// One message on its way to agents of which each gets every one, on either engine.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "core/agent_delivery.h"

namespace gw {

class AgentRound {
 public:
  AgentRound(std::string_view id, std::string_view envelope) : id_(id), envelope_(envelope) {}

  // One that is gone is passed over.
  void offer(const std::weak_ptr<AgentSink>& agent) {
    std::shared_ptr<AgentSink> sink = agent.lock();
    if (!sink) return;
    if (sink->deliver(id_, envelope_)) {
      taken_ = true;
    } else {
      refused_.push_back(std::move(sink));
    }
  }
  bool is_taken() const { return taken_; }
  // Where others have it: whoever refused it has a hole in its stream. They may unsubscribe, which changes
  // the list that the caller has gone through: not before its end.
  void end_refusers() const {
    for (const auto& sink : refused_) sink->fell_behind();
  }

 private:
  const std::string_view id_;
  const std::string_view envelope_;
  bool taken_ = false;
  std::vector<std::shared_ptr<AgentSink>> refused_;
};

}  // namespace gw
