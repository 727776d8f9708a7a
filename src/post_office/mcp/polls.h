// Agents that come by and ask what has arrived on a channel. For whom a log is kept: it listens like any
// agent, from the first poll on until nobody has polled for a while. Control loop only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/message_log.h"
#include "net/event_loop.h"
#include "net/http/server.h"
#include "post_office/post_office.h"

namespace gw::mcp {

struct PollLimits {
  Duration listening_time = 60s;  // after the last poll; then messages wait for other agents
  size_t waiting_max = 100;       // polls that wait, of one channel and tenant
  size_t page_bytes_max = size_t{1} << 20;
  MessageLogLimits log;
};

struct Poll {
  ChannelIndex channel = 0;
  std::string tenant_id;  // only messages of that tenant; empty: all
  std::optional<LogCursor> cursor;
  size_t messages_max = 1;
  Duration wait{};  // at most, for the first message
};

class Polls {
 public:
  // Both outlive it.
  Polls(EventLoop& loop, PostOffice& post_office, const PollLimits& limits = {});
  ~Polls();

  // Answers with JSON once there is something to tell, or the wait is over, or `asker` has gone.
  // resource_exhausted: too many wait already. unavailable: the gateway is about to end.
  void poll(Poll poll, http::Responder asker, Done<std::string> done);
  // Answers everybody who waits, and refuses new ones from then on.
  void close_all();

  size_t waiting() const;
  size_t logged() const;

 private:
  class Listener;
  using Key = std::pair<ChannelIndex, std::string>;

  void sweep();

  EventLoop& loop_;
  PostOffice& post_office_;
  const PollLimits limits_;
  std::map<Key, std::shared_ptr<Listener>> listeners_;  // as many as channels and keys' tenants, at most
  bool closed_ = false;
  EventLoop::Registration sweeps_;
};

}  // namespace gw::mcp
