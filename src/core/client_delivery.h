// Interface: what agents and realms say to clients, on whichever instance those are. Control loop only: every
// call and every callback happens there, and each `done` is called exactly once, by the memory engine before
// the call returns.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "core/channel.h"
#include "core/client_post.h"
#include "core/done.h"
#include "core/registry.h"

namespace gw {

// What a realm says to a channel: to its clients on every instance and to its agents.
struct Publication {
  ChannelIndex channel = 0;
  std::string tenant_id;  // only clients and agents of it; empty: all
  std::string source;     // the realm
  std::string message;    // for clients, byte for byte
  std::string envelope;   // for agents
  std::string message_id;
};

using Missed = std::vector<std::string>;  // instance ids

class ClientDelivery {
 public:
  // What reaches this instance for its own connections. Both may refuse with resource_exhausted (the shards
  // are behind): the memory engine tells its caller, Redis offers it again.
  struct Local {
    std::function<Result<void>(const Publication&)> publish;
    std::function<Result<void>(const ConnectionHandle&, std::string_view message)> send;
    std::function<void()> engine_lost = [] {};                    // as a failed probe, but at once
    std::function<void(ChannelIndex)> gap = [](ChannelIndex) {};  // publications to it may have been missed
    // For one of its connections that gets events.
    std::function<void(const ClientPost&, Done<PostVerdict>)> post =
        [](const ClientPost&, const Done<PostVerdict>& done) { done(PostVerdict{}); };
  };

  virtual ~ClientDelivery() = default;

  // Once, before the engine starts: nothing reaches an instance's clients without it.
  virtual void attach(Local local) = 0;

  // To the channel's connections on every instance, and to its agents; nothing of it waits for an agent.
  // At most once, and not atomic over instances: each gives it to its own connections. From one instance the
  // publications of a channel keep their order; from several there is one order per channel, Redis's.
  // Answers which live instances it did not reach: their clients have missed it and are told by `gap`.
  // unavailable: it reached none, or Redis's answer got lost and it may have. resource_exhausted: the shards
  // are behind (memory), or Redis takes messages more slowly than they come; it reached nobody.
  // `done` on Redis: when Redis has passed it on, not when clients have it.
  virtual void publish(Publication publication, Done<Missed> done) = 0;

  // To one connection, on whichever instance it is; at most once, in order with other sends to it from here.
  // An answer without error means that its instance has it, or Redis gave it to that instance.
  // not_found: its instance is gone. unavailable: its instance does not listen now, or there is no Redis.
  // resource_exhausted: as for publish().
  virtual void send(const ConnectionRecord& record, std::string_view message, Done<void> done) = 0;

  // To the instance that its token names. Posts of one connection may overtake each other on the way: their
  // numbers are looked at where they arrive.
  // not_found: that instance is gone. unavailable, timeout: it may have it or not; said again it does no
  // harm. resource_exhausted: it does not have it.
  virtual void post(ClientPost post, Done<PostVerdict> done) = 0;
};

}  // namespace gw
