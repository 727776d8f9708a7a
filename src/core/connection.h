// One client's state, without its socket: bytes and time in, messages and frames out.
// Shard thread only.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/lean_text.h"
#include "base/time.h"
#include "core/channel.h"
#include "core/disconnect.h"
#include "core/frame.h"
#include "core/outbox.h"
#include "core/rate_limit.h"
#include "core/session.h"
#include "core/span.h"
#include "ws/parser.h"

namespace gw {

// The same for all connections of an instance.
struct ConnectionOptions {
  uint32_t message_bytes_max = 65536;
  size_t outbox_bytes_max = size_t{1} << 20;
  size_t run_lag_bytes =
      size_t{64} << 10;  // unsent, from which on its runs wait; never above half the outbox
  RateLimit rate;
  bool rate_closes = false;  // answer rate_limited and close, instead of reading no further
  Duration heartbeat_interval = 30s;
  Duration idle_timeout = 300s;
  Duration message_timeout = 30s;
  Duration close_timeout = 5s;

  // A chat comes whole with each question. One that has grown too large is told so, and one that is far
  // larger cut off.
  uint32_t chat_bytes_max() const { return std::min(4 * message_bytes_max, ws::kMessageBytesMax); }
};

// What its messages come in.
enum class Transport : uint8_t {
  websocket,
  events,  // Server-Sent Events; it posts what it says (core/client_post.h)
};

class Connection {
 public:
  // How long a client may stay above its rate with `rate_closes`.
  static constexpr Duration kRateGrace = 10s;
  // How long a ping may go without an answer before that is worth telling.
  static constexpr Duration kPongPatience = 10s;

  // `is_chat`: it speaks AI SDK's frames.
  Connection(const ConnectionOptions& options, const ConnectionId& id, bool deflate, TimePoint now,
             bool is_chat = false, Transport transport = Transport::websocket);

  // --- Input -----------------------------------------------------------------------------------------
  struct Input {
    enum class Kind {
      more,     // all of the input is consumed
      paused,   // over its rate: what is left of the input has to wait until resume_at()
      message,  // text: a whole message
      limited,  // text: a whole message over the rate, to be refused
    };
    Kind kind;
    std::string_view text;  // as long as ws::Event::text
  };
  // Control frames are answered here; errors and the peer's close end the connection here.
  // What was posted comes as the frames that it would be (core/client_post.h).
  Input next(std::span<char>& input, ws::Scratch& scratch, TimePoint now);
  TimePoint resume_at() const { return bucket_.ready_at(options_->rate); }

  // --- Output ----------------------------------------------------------------------------------------
  // False: nothing more goes out on this connection. A full outbox closes it (slow_consumer).
  bool send(const FramePtr& frame, TimePoint now);
  // What stands before the first event. False: as for send().
  bool send_head(std::string head, TimePoint now);
  // Says goodbye and waits close_timeout for the peer's answer, which events have none of. Ignored when
  // already closing.
  void close(const Disconnect& why, TimePoint now);
  Outbox& outbox() { return outbox_; }
  const Outbox& outbox() const { return outbox_; }

  // --- State -----------------------------------------------------------------------------------------
  bool is_open() const { return phase_ == Phase::open; }
  bool gets_events() const { return transport_ == Transport::events; }
  // Both sides have closed: the socket can go once the outbox is empty.
  bool is_finished() const { return phase_ == Phase::finished; }
  // The peer's bytes can't be read any more: once our close frame is out, so is all we have to say.
  bool half_closes() const { return phase_ == Phase::closing && parser_.ended(); }
  // Why it ended, from whichever side; meaningful once it is not open.
  uint16_t close_code() const { return close_code_; }

  // --- Time ------------------------------------------------------------------------------------------
  struct Due {
    bool heartbeat = false;     // send a ping of both kinds
    bool pong_overdue = false;  // from now on pong_owed_since() says something
    bool abandon = false;       // the deadline for closing is over: drop the socket
  };
  Due tick(TimePoint now, WallTime wall);
  // When tick() wants to be called next. The session's end is by the wall clock alone: to be asked again when
  // that was set back or forward.
  TimePoint next_tick(TimePoint now, WallTime wall) const;
  void expires_at(WallTime when) { expires_at_ = when; }
  bool is_expired(WallTime wall) const { return wall >= expires_at_; }
  // The oldest ping for which, for kPongPatience, nothing at all has come back. Empty: all is well.
  std::optional<TimePoint> pong_owed_since() const {
    return pong_overdue_ ? std::optional(pong_owed_since_) : std::nullopt;
  }
  TimePoint last_received() const { return last_received_; }
  TimePoint last_heartbeat() const { return last_heartbeat_; }

  // --- Who, and what it listens to: the shard's to change -----------------------------------------------
  const ConnectionId id;
  SessionPtr session;                      // null: anonymous
  TimePoint identifies_until{};            // so long it may say whose it is, having none
  LeanText client_id;                      // from the handshake; may be empty
  std::unique_ptr<ConnectionTrace> trace;  // null: no trace
  ChannelSet wanted;                       // what it asked for; kept while the session does not grant it
  ChannelSet granted;                      // what it may use now
  ChannelSet channels;                     // what it gets: wanted and granted
  ChannelIndex latest_channel = 0;
  const bool deflate;

 private:
  enum class Phase : uint8_t { open, closing, finished };

  // Beside the two before, in one word.
  Phase phase_ = Phase::open;
  const Transport transport_;
  bool pong_overdue_ = false;
  uint16_t close_code_ = 0;

  // Above its rate, with `rate_closes`.
  struct LimitedSpell {
    TimePoint since;
    TimePoint last;
  };

  void on_control(const ws::Event& event, bool limited, TimePoint now);
  Input on_limited(std::string_view text, TimePoint now);
  void finish(uint16_t code);
  bool push(const FramePtr& frame, TimePoint now);
  void queue(std::string wire);

  const ConnectionOptions* const options_;
  ws::Parser parser_;
  Outbox outbox_;
  TokenBucket bucket_;
  TimePoint last_received_;
  TimePoint last_heartbeat_;
  TimePoint deadline_;                     // open: of the next heartbeat; then: for closing
  TimePoint unfinished_since_ = kNever;    // of a message that has begun
  WallTime expires_at_ = WallTime::max();  // of the session
  TimePoint pong_owed_since_ = kNever;
  std::unique_ptr<LimitedSpell> limited_;  // the latest; null: there was none

  static constexpr TimePoint kNever = TimePoint::max();
};
static_assert(sizeof(Connection) <= 240);  // of each, for as long as it stays

}  // namespace gw
