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

constexpr const char* kBadRunId = "run_id must match [A-Za-z0-9_.~-]{1,128}";
constexpr const char* kBadThreadId = "thread_id must match [A-Za-z0-9._:@+=-]{1,128}";

Route invalid(const char* message, const std::optional<protocol::MessageId>& id) {
  return route::Reject{ErrorCode::invalid_message, message, id};
}

// Who may read it is asked where the run is.
Route route_attach(const protocol::Attach& m) {
  if (!m.run_id.empty() ? !is_valid_run_id(m.run_id) : !is_valid_thread_id(m.thread_id))
    return invalid(m.thread_id.empty() ? kBadRunId : kBadThreadId, m.id);
  route::Attach attach{m.run_id, m.thread_id, {}, m.coalesce_ms, m.id};
  if (m.cursor && !(attach.cursor = RunCursor::parse(*m.cursor)))
    return route::Reject{ErrorCode::invalid_message, "cursor is none", m.id, m.run_id, m.thread_id};
  return attach;
}

Route route_to_agents(const protocol::ToChannel& m, ChannelIndex channel) {
  route::ToAgents to{channel, m.id, m.trace, {}};
  if (!m.run) return to;
  if (!m.run->thread_id.empty() && !is_valid_thread_id(m.run->thread_id)) return invalid(kBadThreadId, m.id);
  to.run = route::RunAsk{m.run->thread_id, *parse_run_format(m.run->format)};
  return to;
}

// A detach or a cancel.
template <class Message>
Route route_named_run(const Message& m) {
  if (!is_valid_run_id(m.run_id)) return invalid(kBadRunId, m.id);
  return m;
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
            return on_channel(m, granted, [&](ChannelIndex c) { return route_to_agents(m, c); });
          },
          [&](const protocol::Subscribe& m) {
            return on_channel(m, granted, [](ChannelIndex c) { return route::Subscribe{c}; });
          },
          [&](const protocol::Unsubscribe& m) {
            // Nobody is kept on a channel.
            return on_channel(m, ChannelSet::all(), [](ChannelIndex c) { return route::Unsubscribe{c}; });
          },
          [&](const protocol::Presence& m) {
            return on_channel(m, granted, [&](ChannelIndex c) { return route::Presence{c, m.watch, m.id}; });
          },
          [](const protocol::Attach& m) { return route_attach(m); },
          [](const protocol::Detach& m) { return route_named_run(m); },
          [](const protocol::Cancel& m) { return route_named_run(m); },
          [](const auto& m) -> Route { return m; },
      },
      *decoded);
}

}  // namespace gw
