#include "core/router.h"

#include "base/overload.h"

namespace gw {
namespace {

using protocol::ErrorCode;

struct Refused {
  ErrorCode code;
  const char* message;
};

std::variant<ChannelIndex, Refused> find_channel(std::string_view name, ChannelSet usable,
                                                 const ChannelTable& channels) {
  const auto channel = channels.find(name);
  if (!channel) return Refused{ErrorCode::unknown_channel, "channel: there is no such channel"};
  if (!usable.contains(*channel)) {
    return Refused{ErrorCode::forbidden_channel, "channel: this session may not use it"};
  }
  return *channel;
}

}  // namespace

Route route_message(const protocol::DecodeResult& decoded, ChannelSet granted, const ChannelTable& channels) {
  if (!decoded) return route::Reject{decoded.error().code, decoded.error().message, decoded.error().id};

  // `make` builds the route for the channel that `message` names, when it is one of `usable`.
  const auto on_channel = [&](const auto& message, ChannelSet usable, auto make) -> Route {
    const auto found = find_channel(message.channel, usable, channels);
    if (const auto* refused = std::get_if<Refused>(&found)) {
      return route::Reject{refused->code, refused->message, message.id};
    }
    return make(std::get<ChannelIndex>(found));
  };

  return std::visit(
      Overload{
          [&](const protocol::ToChannel& m) {
            return on_channel(m, granted, [&](ChannelIndex c) { return route::ToAgents{c, m.id, m.trace}; });
          },
          [&](const protocol::Subscribe& m) {
            return on_channel(m, granted, [](ChannelIndex c) { return route::Subscribe{c}; });
          },
          [&](const protocol::Unsubscribe& m) {
            // Nobody is kept on a channel.
            return on_channel(m, ChannelSet::all(), [](ChannelIndex c) { return route::Unsubscribe{c}; });
          },
          [](const auto& m) -> Route { return m; },
      },
      *decoded);
}

}  // namespace gw
