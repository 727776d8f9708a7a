// Everything that crosses between a shard and the control loop: values, or shared and immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/ids.h"
#include "base/time.h"
#include "core/channel.h"
#include "core/disconnect.h"
#include "core/frame.h"
#include "core/registry.h"
#include "core/session.h"
#include "core/span.h"
#include "gateway/spans.h"
#include "gateway/stats.h"
#include "net/http/server.h"

namespace gw {

namespace to_control {

// A handshake is in order: may it come in?
struct Admit {
  ConnectionHandle handle;
  ConnectionId id;
  std::string token;                            // empty: none shown
  ChannelSet wanted;                            // where it will listen, if it may
  std::string client_id;                        // empty: none
  std::optional<protocol::TraceContext> trace;  // of its span, when that is kept
  std::string origin;                           // of the page; empty: no browser
};
// A page of an origin that is not allowed was refused.
struct OriginRefused {
  std::string origin;
};
struct Authenticate {
  ConnectionHandle handle;
  ConnectionId id;
  SessionPtr current;
  std::string token;
  std::string message_id;  // raw JSON; empty: none
};
// A client's message for agents.
struct Message {
  ConnectionHandle handle;
  ChannelIndex channel;
  SessionPtr session;
  std::string message_id;
  std::string envelope;
  std::string id;  // the client's, raw JSON; empty: no ack wanted
  std::optional<std::string> dedupe_key;
  bool dedupe_everywhere;
  TimePoint received_at;
  std::shared_ptr<const MessageSpan> span;  // null: not traced
};
struct Changed {
  ConnectionId id;
  ConnectionChange change;
};
struct Closed {
  ConnectionHandle handle;
  ConnectionId id;
  uint16_t code;
};
// A connection whose first request is not for /ws.
struct Http {
  http::Handover connection;
};
struct Stats {
  uint32_t shard;
  ShardStats stats;
};
// A span that began and ended on the shard.
struct SpanEnded {
  Span span;
};
struct ProbeEcho {
  uint32_t shard;
  bool ready;  // it takes connections
};
struct Drained {
  uint32_t shard;
};

}  // namespace to_control

using ToControl =
    std::variant<to_control::Admit, to_control::OriginRefused, to_control::Authenticate, to_control::Message,
                 to_control::Changed, to_control::Closed, to_control::Http, to_control::Stats,
                 to_control::SpanEnded, to_control::ProbeEcho, to_control::Drained>;

namespace to_shard {

struct Admitted {
  ConnectionHandle handle;
  SessionPtr session;  // null: anonymous
};
struct Close {
  ConnectionHandle handle;
  Disconnect why;
};
struct ReplaceSession {
  ConnectionHandle handle;
  SessionPtr session;
};
struct Send {
  ConnectionHandle handle;
  FramePtr frame;
  bool is_error = false;
};
// To every subscriber of the channel.
struct Deliver {
  ChannelIndex channel;
  std::string tenant_id;  // empty: all
  FramePtr frame;
};
// A kept-alive HTTP connection that now asks for /ws.
struct Upgrade {
  http::Handover connection;
};
struct SetReady {
  bool ready;
};
struct Probe {};
// Tell everybody, then close them one by one within `window`.
struct Drain {
  Duration window;
};
struct Stop {};

}  // namespace to_shard

using ToShard = std::variant<to_shard::Admitted, to_shard::Close, to_shard::ReplaceSession, to_shard::Send,
                             to_shard::Deliver, to_shard::Upgrade, to_shard::SetReady, to_shard::Probe,
                             to_shard::Drain, to_shard::Stop>;

}  // namespace gw
