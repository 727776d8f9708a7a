#include "gateway/farewell.h"

#include "protocol/server_message.h"

namespace gw {
namespace {

// Another instance is ready then.
constexpr auto kRetryAfter = std::chrono::milliseconds(1000);

FramePtr frame_of(const protocol::Draining& draining, WallTime now) {
  std::string text;
  protocol::append_draining(text, draining, now);
  return make_text_frame(text);
}

}  // namespace

FramePtr announcement(Duration leave_in, WallTime now) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(leave_in);
  return frame_of({.leave_in = milliseconds, .retry_after = kRetryAfter}, now);
}

Farewell farewell(const Connection& connection, const command::Successors& successors,
                  const ChannelTable& channels, WallTime now) {
  if (!successors.any) return {frame_of({.retry_after = kRetryAfter}, now)};
  std::string ticket;
  if (connection.session && successors.key)
    ticket = seal_ticket(*successors.key, channels, {*connection.session, connection.client_id, now});
  return {frame_of({.ticket = ticket}, now), !ticket.empty()};
}

}  // namespace gw
