// The tickets of clients that other instances send away, and the key for those of ours: who brings one is let
// in without asking for the session. Whatever is against it, the token beside it is looked at as ever.
// Control loop only.
#pragma once

#include <map>
#include <string>

#include "core/engine.h"
#include "core/session_validator.h"
#include "core/ticket.h"
#include "gateway/inter_thread.h"
#include "net/event_loop.h"

namespace gw {

class Tickets {
 public:
  // All outlive it. `is_of`: whose token is it?
  struct Parts {
    EventLoop& loop;
    const ChannelTable& channels;
    Engine& engine;
    SessionMatcher is_of;
  };

  // `salt`: what only instances with the same settings know. Whoever reads the engine's secret makes no
  // tickets without it.
  Tickets(Parts parts, const Digest& salt) : parts_(std::move(parts)), salt_(salt) {}

  // Where sessions are shared: asks for the keys of this hour and the next, again and again.
  void start();
  void reconfigure(const Digest& salt);

  // What shards are told of those who take clients now. `hears`: that sessions end would be heard here; who
  // does not hear it gives nobody a ticket.
  command::Successors successors(bool any, bool hears) const;
  // Whose session the ticket brings. Null, with a line in the log: it has to be asked for.
  SessionPtr open(const event::Admit& request);

 private:
  TicketKeyPtr key() const;
  void ask(uint32_t period);
  void refresh();
  std::string_view fault(const event::Admit& request, const std::optional<Ticket>& ticket) const;

  const Parts parts_;
  Digest salt_;
  std::map<uint32_t, Digest> secrets_;  // as the engine has them, of a few periods
  TimePoint refreshed_at_;
  EventLoop::Registration timer_;
};

}  // namespace gw
