// Clients' messages on their way to agents, and what they are answered. Control loop only.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/engine.h"
#include "gateway/run_asks.h"
#include "gateway/run_attachments.h"
#include "gateway/stats.h"

namespace gw {

class Submissions {
 public:
  // All outlive it.
  struct Parts {
    EventLoop& loop;
    const ChannelTable& channels;
    Engine& engine;
    RunAttachments& attachments;
    GatewayStats& stats;
    std::function<void(Span&&)> on_span;
    std::function<void(uint32_t shard, ShardCommand&& command, size_t bytes)> post;
  };

  explicit Submissions(Parts parts);

  // It will be taken soon.
  void expect(const event::Message& event) {
    if (event.dedupe_key) parts_.engine.agents().expect(*event.dedupe_key);
  }
  void take(event::Message& event);

 private:
  void submit(event::Message&& event);
  void on_submitted(event::Message& event, const Result<Submitted>& submitted);
  void on_taken(event::Message& event, const Submitted& submitted);
  void refuse(const event::Message& event, protocol::ErrorCode code);
  void answer_repeated(const event::Message& event, const std::string& first_run);
  std::string ack(const event::Message& event, protocol::AckStatus status, std::string_view run_id = {},
                  bool attached = true);
  void reply(const event::Message& event, std::string_view text, bool is_error = false);
  void end_span(const event::Message& event, std::string_view outcome, std::string_view error = {});

  Parts parts_;
  RunAsks asks_;
};

}  // namespace gw
