#include "core/connection.h"

#include <algorithm>

#include "base/random.h"
#include "protocol/event_stream.h"
#include "ws/frame.h"

namespace gw {
namespace {

// Control frames must find room when the outbox is full of messages.
constexpr size_t kControlAllowance = 4096;
ws::ParserOptions parser_options(const ConnectionOptions& options, bool deflate, bool is_chat) {
  ws::ParserOptions parser;
  parser.deflate = deflate;
  parser.message_bytes_max = is_chat ? options.chat_bytes_max() : options.message_bytes_max;
  return parser;
}

// Heartbeats of connections that arrived together should not leave together for ever.
Duration spread(Duration interval) {
  return interval - Duration(static_cast<Duration::rep>(fast_random() %
                                                        static_cast<uint64_t>(interval.count() / 4 + 1)));
}

}  // namespace

Connection::Connection(const ConnectionOptions& options, const ConnectionId& connection_id, bool with_deflate,
                       TimePoint now, bool is_chat, Transport transport)
    : id(connection_id),
      deflate(with_deflate),
      transport_(transport),
      options_(&options),
      parser_(parser_options(options, with_deflate, is_chat)),
      bucket_(options.rate, now),
      last_received_(now),
      last_heartbeat_(now),
      deadline_(now + spread(options.heartbeat_interval)) {}

Connection::Input Connection::next(std::span<char>& input, ws::Scratch& scratch, TimePoint now) {
  if (!input.empty()) {
    last_received_ = now;
    if (gets_events()) last_heartbeat_ = now;  // it has no other sign of life
    pong_owed_since_ = kNever;
    pong_overdue_ = false;
  }
  while (!parser_.ended()) {
    const bool limited = is_open() && !bucket_.ready(options_->rate, now);
    if (limited && !options_->rate_closes) {
      if (input.empty()) return {Input::Kind::more, {}};
      return {Input::Kind::paused, {}};
    }
    const ws::Event event = parser_.next(input, scratch);
    if (event.kind == ws::Event::Kind::none) {
      if (!parser_.unfinished()) {
        unfinished_since_ = kNever;
      } else if (unfinished_since_ == kNever) {
        unfinished_since_ = now;
      }
      return {Input::Kind::more, {}};
    }
    if (event.kind != ws::Event::Kind::message) {
      on_control(event, limited, now);
      continue;
    }
    unfinished_since_ = kNever;
    if (!is_open()) continue;  // after our close frame nothing is processed
    if (limited) return on_limited(event.text, now);
    bucket_.take(options_->rate, now);
    return {Input::Kind::message, event.text};
  }
  input = {};
  return {Input::Kind::more, {}};
}

void Connection::on_control(const ws::Event& event, bool limited, TimePoint now) {
  switch (event.kind) {
    case ws::Event::Kind::none:
    case ws::Event::Kind::message: break;
    case ws::Event::Kind::ping: {
      if (!is_open()) break;
      if (!limited) bucket_.take(options_->rate, now);
      std::string pong;
      ws::append_frame(pong, ws::Opcode::pong, event.text);
      send(make_frame(std::move(pong)), now);
      break;
    }
    case ws::Event::Kind::pong: last_heartbeat_ = now; break;
    case ws::Event::Kind::close:
      if (is_open()) {
        std::string echo;
        ws::append_close(echo, event.code);
        queue(std::move(echo));
        deadline_ = now + options_->close_timeout;
      }
      finish(event.code);
      break;
    case ws::Event::Kind::error:
      // RFC 6455 7.1.7: the stream can't be read any further; what still comes is discarded.
      close({event.code, event.text}, now);
      break;
  }
}

Connection::Input Connection::on_limited(std::string_view text, TimePoint now) {
  // A second without a refusal ends a spell above the rate.
  if (!limited_) limited_ = std::make_unique<LimitedSpell>(LimitedSpell{now, now});
  if (now - limited_->last > 1s) limited_->since = now;
  limited_->last = now;
  if (now - limited_->since >= kRateGrace) close(disconnect::rate_limited, now);
  return {Input::Kind::limited, text};
}

bool Connection::send(const FramePtr& frame, TimePoint now) {
  if (gets_events()) return push(make_frame(as_events(*frame)), now);
  return push(frame, now);
}

bool Connection::send_head(std::string head, TimePoint now) { return push(make_frame(std::move(head)), now); }

bool Connection::push(const FramePtr& frame, TimePoint now) {
  if (!is_open()) return false;
  if (outbox_.push(frame, deflate, options_->outbox_bytes_max)) return true;
  outbox_.drop_unstarted();
  close(disconnect::slow_consumer, now);
  return false;
}

void Connection::close(const Disconnect& why, TimePoint now) {
  if (!is_open()) return;
  std::string wire;
  if (gets_events()) {
    protocol::append_close_event(wire, why.code, why.reason);
  } else {
    ws::append_close(wire, why.code, why.reason);
  }
  queue(std::move(wire));
  phase_ = gets_events() ? Phase::finished : Phase::closing;
  close_code_ = why.code;
  deadline_ = now + options_->close_timeout;
}

void Connection::queue(std::string wire) {
  if (!outbox_.push(make_frame(std::move(wire)), false, options_->outbox_bytes_max + kControlAllowance)) {
    outbox_.drop_unstarted();
  }
}

void Connection::finish(uint16_t code) {
  if (close_code_ == 0) close_code_ = code;
  phase_ = Phase::finished;
}

Connection::Due Connection::tick(TimePoint now, WallTime wall) {
  if (!is_open()) return {.abandon = now >= deadline_};
  if (is_expired(wall)) {
    close(disconnect::session_ended, now);
  } else if (now - last_received_ >= options_->idle_timeout) {
    close(disconnect::stale, now);
  } else if (unfinished_since_ != kNever && now - unfinished_since_ >= options_->message_timeout) {
    close(disconnect::message_timeout, now);
  }
  Due due;
  if (is_open() && now >= deadline_) {
    due.heartbeat = true;
    deadline_ = now + options_->heartbeat_interval;
    if (pong_owed_since_ == kNever) pong_owed_since_ = now;
  }
  if (is_open() && !pong_overdue_ && pong_owed_since_ != kNever && now - pong_owed_since_ >= kPongPatience)
    due.pong_overdue = pong_overdue_ = true;
  return due;
}

TimePoint Connection::next_tick(TimePoint now, WallTime wall) const {
  if (!is_open()) return deadline_;
  TimePoint next = std::min(deadline_, last_received_ + options_->idle_timeout);
  if (expires_at_ != WallTime::max()) next = std::min(next, now + (expires_at_ - wall));
  if (pong_owed_since_ != kNever && !pong_overdue_) next = std::min(next, pong_owed_since_ + kPongPatience);
  if (unfinished_since_ != kNever) next = std::min(next, unfinished_since_ + options_->message_timeout);
  return next;
}

}  // namespace gw
