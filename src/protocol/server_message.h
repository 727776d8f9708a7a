// Every message that the gateway itself makes, appended to `out` as one JSON object (docs/PROTOCOL.md,
// "Gateway to client"). What agents and realms send is not made here: it passes as it was given.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"
#include "protocol/codes.h"

namespace gw::protocol {

struct Welcome {
  std::string_view connection_id = {};
  std::string_view instance_id = {};
  int64_t heartbeat_interval = 30;   // seconds
  std::string_view send_token = {};  // of one without a WebSocket; empty: left out
};
void append_welcome(std::string& out, const Welcome& welcome, WallTime now);

// The instance is going away. Zero to leave in: now.
struct Draining {
  std::chrono::milliseconds leave_in{};
  std::chrono::milliseconds retry_after{};  // from then on; zero: others are there, and it is its turn
  std::string_view ticket = {};             // for one of them; empty: left out
};
void append_draining(std::string& out, const Draining& draining, WallTime now);

// Publications to the channel may have been missed.
void append_gap(std::string& out, std::string_view channel, WallTime now);

// The run that an answer is about, as far as it is known; empty: left out.
struct AboutRun {
  std::string_view run_id = {};
  std::string_view thread_id = {};
  bool attached = true;  // in an ack; false is said
};
// `id` is the raw JSON of the client's id (MessageId::raw).
void append_ack(std::string& out, std::string_view id, AckStatus status, WallTime now,
                const AboutRun& run = {});
// An empty `id` is left out.
void append_error(std::string& out, ErrorCode code, std::string_view message, std::string_view id,
                  WallTime now, const AboutRun& run = {});
// It does not read that run any more: as it asked, or with a reason ("forbidden", "unknown_run"). Empty: left
// out.
void append_detached(std::string& out, std::string_view run_id, std::string_view reason, std::string_view id,
                     WallTime now);

// Who is on a channel. `id` as in an error.
struct PresenceShown {
  std::string_view channel;
  std::span<const std::string> users;
  bool is_whole = true;
  uint64_t revision = 0;
  bool is_watched = false;
};
void append_presence(std::string& out, const PresenceShown& shown, std::string_view id, WallTime now);
// Who has come or gone, or (without a user) that this is not told, or that the list has to be asked for
// again.
void append_presence_event(std::string& out, std::string_view channel, std::string_view event,
                           std::string_view user_id, uint64_t revision, WallTime now);

void append_ping(std::string& out, WallTime now);
void append_pong(std::string& out, WallTime now);
void append_heartbeat_pong(std::string& out, WallTime now);
void append_subscribed(std::string& out, std::string_view channel, WallTime now);
void append_unsubscribed(std::string& out, std::string_view channel, WallTime now);
void append_authenticated(std::string& out, WallTime expires_at, WallTime now);

}  // namespace gw::protocol
