// Who is on a channel, and who comes and goes, as clients hear of it. Control loop only.
#pragma once

#include <functional>

#include "core/presence.h"
#include "gateway/inter_thread.h"
#include "net/event_loop.h"

namespace gw {

class PresenceAnswers {
 public:
  // All outlive it.
  struct Parts {
    EventLoop& loop;
    const ChannelTable& channels;
    Presence& presence;
    std::function<void(const ConnectionHandle& to, std::string text, bool is_error)> reply;
    std::function<void(const ShardCommand& command)> post_to_all;
  };
  explicit PresenceAnswers(Parts parts);

  void answer(const event::PresenceAsked& event);

 private:
  void on_change(const PresenceChange& change);

  const Parts parts_;
};

}  // namespace gw
