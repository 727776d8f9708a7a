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
struct Authenticate {
  std::string_view session_token;
  std::optional<protocol::MessageId> id;
};
struct Pong {};
struct HeartbeatPong {};
struct Nothing {};
struct Reject {
  protocol::ErrorCode code;
  std::string message;
  std::optional<protocol::MessageId> id;
};

}  // namespace route

using Route = std::variant<route::ToAgents, route::Subscribe, route::Unsubscribe, route::Authenticate,
                           route::Pong, route::HeartbeatPong, route::Nothing, route::Reject>;

// `granted`: the channels that the connection may use. Views point where the message's do.
Route route_message(const protocol::DecodeResult& decoded, ChannelSet granted, const ChannelTable& channels);

}  // namespace gw
