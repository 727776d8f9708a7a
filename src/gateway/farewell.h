// What a client is told that is sent away: when it is its turn, and then that it is.
#pragma once

#include "core/channel.h"
#include "core/connection.h"
#include "core/frame.h"
#include "gateway/inter_thread.h"

namespace gw {

// Whoever loses the connection before its turn comes back when others may be ready, and not with all the
// others.
FramePtr announcement(Duration leave_in, WallTime now);

struct Farewell {
  FramePtr frame;
  bool has_ticket = false;
};
// Where others take it, it may come to them at once: its turn was its jitter.
Farewell farewell(const Connection& connection, const command::Successors& successors,
                  const ChannelTable& channels, WallTime now);

}  // namespace gw
