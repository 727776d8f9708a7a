// Where a client's message goes: all permission and shape decisions, in one place and without effects.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/channel.h"
#include "core/run/run.h"
#include "protocol/client_message.h"

namespace gw {

namespace route {

// The run that a message asks for.
struct RunAsk {
  std::string_view thread_id;  // empty: none
  RunFormat format = RunFormat::text;
};
struct ToAgents {
  ChannelIndex channel;
  std::optional<protocol::MessageId> id;
  std::optional<protocol::TraceContext> trace;  // as the message says; absent: it does not
  std::optional<RunAsk> run;                    // with an id only
};
struct Subscribe {
  ChannelIndex channel;
};
struct Unsubscribe {
  ChannelIndex channel;
};
struct Presence {
  ChannelIndex channel;
  std::optional<bool> watch;
  std::optional<protocol::MessageId> id;
};
struct Attach {
  std::string_view run_id;     // or
  std::string_view thread_id;  // its latest
  std::optional<RunCursor> cursor;
  uint16_t coalesce_ms = 0;
  std::optional<protocol::MessageId> id;
};
struct Reject {
  protocol::ErrorCode code;
  std::string message;
  std::optional<protocol::MessageId> id;
  std::string_view run_id = {}, thread_id = {};  // that it was about, where that can be one; empty: none
};

}  // namespace route

// A message about which there is nothing to decide is its own route.
using Route = std::variant<route::ToAgents, route::Subscribe, route::Unsubscribe, route::Presence,
                           route::Attach, route::Reject, protocol::Authenticate, protocol::Detach,
                           protocol::Cancel, protocol::Ping, protocol::Heartbeat, protocol::Pong>;

// `granted`: the channels that the connection may use. Views point where the message's do.
Route route_message(const protocol::DecodeResult& decoded, ChannelSet granted, const ChannelTable& channels);

}  // namespace gw
