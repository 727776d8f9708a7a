// Where a client's message goes: all permission and shape decisions, in one place and without effects.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/channel.h"
#include "protocol/client_message.h"

namespace gw {

namespace route {

struct ToAgents {
  ChannelIndex channel;
  std::optional<protocol::MessageId> id;
  std::optional<protocol::TraceContext> trace;  // as the message says; absent: it does not
};
struct Subscribe {
  ChannelIndex channel;
};
struct Unsubscribe {
  ChannelIndex channel;
};
struct Reject {
  protocol::ErrorCode code;
  std::string message;
  std::optional<protocol::MessageId> id;
};

}  // namespace route

// A message about which there is nothing to decide is its own route.
using Route = std::variant<route::ToAgents, route::Subscribe, route::Unsubscribe, route::Reject,
                           protocol::Authenticate, protocol::Ping, protocol::Heartbeat, protocol::Pong>;

// `granted`: the channels that the connection may use. Views point where the message's do.
Route route_message(const protocol::DecodeResult& decoded, ChannelSet granted, const ChannelTable& channels);

}  // namespace gw
