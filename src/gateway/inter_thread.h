// Everything that crosses between a shard and the control loop: values, or shared and immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "core/attach_queue.h"
#include "core/channel.h"
#include "core/chat_clients.h"
#include "core/client_post.h"
#include "core/disconnect.h"
#include "core/frame.h"
#include "core/registry.h"
#include "core/run_hub.h"
#include "core/session.h"
#include "core/span.h"
#include "core/ticket.h"
#include "gateway/spans.h"
#include "gateway/stats.h"
#include "net/http/server.h"
#include "protocol/server_message.h"

namespace gw {

struct ShardOptions;

namespace event {

// A handshake is in order: may it come in?
struct Admit {
  ConnectionHandle handle;
  ConnectionId id;
  std::string token;                            // empty: none shown
  std::string ticket;                           // the same
  ChannelSet wanted;                            // where it will listen, if it may
  std::string client_id;                        // empty: none
  std::optional<protocol::TraceContext> trace;  // of its span, when that is kept
  std::string origin;                           // of the page; empty: no browser
  bool is_chat = false;                         // it speaks AI SDK's frames
  bool gets_events = false;                     // it has no WebSocket
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
  std::string message_id;     // raw JSON; empty: none
  bool may_identify = false;  // having no session it may still get one
};
// Who is on the channel?
struct PresenceAsked {
  ConnectionHandle handle;
  ChannelIndex channel = 0;
  std::string tenant_id;
  std::string id;  // the client's, raw JSON; empty: none
  bool is_watched = false;
};
// Somebody who asks for a run that may not be his.
struct RunClient {
  ConnectionHandle handle;
  ConnectionId id;
  SessionPtr session;   // null: anonymous
  ChannelSet granted;   // what he may use
  ChannelSet channels;  // what he gets
};
// Answered by RunAnswer, whatever becomes of it.
struct RunAttach {
  RunClient client;
  uint64_t number = 0;
  AttachRequest request;
};
// Answered by RunCaughtUp, unless the run is gone.
struct RunCatchUp {
  ConnectionHandle handle;
  RunScopePtr run;
  RunCursor place;
  bool slow = false;
};
// A reader that a RunAnswer was for is none, or not any more.
struct RunReleased {
  uint32_t shard;
  RunScopePtr run;
};
struct RunCancel {
  RunClient client;
  std::string run_id;
  std::string reason;
  std::string id;  // raw JSON; empty: no ack wanted
};
// It follows runs: is one pushed to it?
struct RunLook {
  RunClient client;
};
// What a message says of the run for its answer.
struct RunAsked {
  std::string run_id;
  std::string thread_id;
  RunFormat format = RunFormat::text;
  std::string asked_by;            // whom one without a session counts for; else empty
  std::optional<uint64_t> attach;  // number of the RunAnswer; absent: it has all the runs it may
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
  std::shared_ptr<const RunAsked> run;      // null: it asks for none
};
// A client of another protocol has said something.
struct ChatFrame {
  ChatClient from;
  std::string text;
  bool is_limited = false;
};
// Of the frames for it, so many bytes in all have left.
struct ChatSent {
  ConnectionHandle handle;
  uint64_t bytes = 0;
};
// What became of a command::Post.
struct PostTaken {
  ConnectionId id;
  PostVerdict::Kind kind = PostVerdict::Kind::unknown;
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

}  // namespace event

using ShardEvent =
    std::variant<event::Admit, event::OriginRefused, event::Authenticate, event::Message, event::Changed,
                 event::Closed, event::Http, event::Stats, event::SpanEnded, event::ProbeEcho, event::Drained,
                 event::RunAttach, event::RunCatchUp, event::RunReleased, event::RunCancel, event::RunLook,
                 event::ChatFrame, event::ChatSent, event::PresenceAsked, event::PostTaken>;

namespace command {

struct Admitted {
  ConnectionHandle handle;
  SessionPtr session;      // null: anonymous
  std::string send_token;  // of one that gets events; else empty
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
// A message of its is with agents, or waits for one; the shard says so, in one frame for all of a turn that
// come one after another.
struct Ack {
  ConnectionHandle handle;
  std::string id;  // the client's, raw JSON
  protocol::AckStatus status = protocol::AckStatus::published;
};
// What one that gets events has to say, as frames. Answered by PostTaken.
struct Post {
  ConnectionHandle handle;
  ConnectionId id;
  std::string frames;
};
// To one that speaks another protocol, in that.
struct ChatSend {
  ConnectionHandle handle;
  FramePtr frame;
};
// To every subscriber of the channel, or to whoever watches who is on it.
struct Deliver {
  ChannelIndex channel;
  std::optional<std::string> tenant_id;  // absent: of every tenant; empty: of none
  FramePtr frame;
  bool to_watchers = false;
};
// One message of a run, and where its reader is behind it.
struct RunPart {
  FramePtr frame;
  RunCursor after;
  bool ends = false;
};
// The answer to an attach, or to a message that asks for a run.
struct RunAnswer {
  ConnectionHandle handle;
  uint64_t number = 0;  // 0: nobody has asked
  FramePtr first = {};  // the ack, or the error; null: none
  bool is_error = false;
  RunScopePtr run = {};  // null: it reads none
  std::vector<RunPart> parts = {};
  bool whole = false;           // there is no more
  bool unless_reading = false;  // a repeated question changes no place
};
struct RunCaughtUp {
  ConnectionHandle handle;
  RunScopePtr run;
  RunCursor from;
  std::vector<RunPart> parts;
  bool whole = false;
};
// To everybody here who reads it.
struct RunChanged {
  RunScopePtr run;
  RunStep step;
  FramePtr frame;  // null: of `moved`
};
// One that is pushed to it, if it follows runs.
struct RunOffer {
  ConnectionHandle handle;
  std::string run_id;
};
// Some may have been pushed that nobody here has heard of: all have to look.
struct RunsMissed {};
// A kept-alive HTTP connection that now asks for /ws.
struct Upgrade {
  http::Handover connection;
};
struct SetReady {
  bool ready;
};
struct Probe {};
// Where clients that are sent away may go.
struct Successors {
  bool any = false;  // others take connections
  TicketKeyPtr key;  // null: they take no tickets
};
// Tell everybody when to leave, then send them on one by one within `window`.
struct Drain {
  Duration window;
  Successors successors;
  // Nobody new comes, and whoever has come is not refused: it is let in, and sent on at once.
  bool takes_last = false;
};
// In place of those before; what a shard is built with stands as it was.
struct Reconfigure {
  std::shared_ptr<const ShardOptions> options;
};
struct Stop {};

}  // namespace command

using ShardCommand =
    std::variant<command::Admitted, command::Close, command::ReplaceSession, command::Send, command::Ack,
                 command::Deliver, command::RunAnswer, command::RunCaughtUp, command::RunChanged,
                 command::RunOffer, command::RunsMissed, command::ChatSend, command::Upgrade,
                 command::SetReady, command::Probe, command::Drain, command::Successors, command::Reconfigure,
                 command::Stop, command::Post>;

}  // namespace gw
