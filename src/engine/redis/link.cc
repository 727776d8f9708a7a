#include "engine/redis/link.h"

#include <algorithm>

namespace gw::redis {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
// The reader moves what it has left to the front of its buffer with each KiB that it has taken: it gets
// little at a time.
constexpr size_t kFeedBytes = 2 * 1024;
constexpr Duration kWindowTime = 1s;
constexpr size_t kWindowMin = 64 * 1024;
constexpr size_t kWindowMax = 8 * 1024 * 1024;
constexpr size_t kKeepBytes = 256 * 1024;  // of a write buffer between turns

}  // namespace

Link::Link(EventLoop& loop, std::shared_ptr<Stream> stream, const LinkOptions& options)
    : loop_(loop),
      stream_(std::move(stream)),
      options_(options),
      heard_at_(loop.now()),
      buffer_(kReadBytes) {}

void Link::start(Events events) {
  events_ = std::move(events);
  read();
}

void Link::command(std::span<const std::string_view> words, OnReply done) {
  if (!open_) {
    if (done) done(Error{Errc::unavailable, "not connected to Redis"});
    return;
  }
  if (pending_.empty()) heard_at_ = loop_.now();
  const size_t before = out_.size();
  append_command(out_, words);
  pending_.push_back({std::move(done), out_.size() - before, loop_.now()});
  pending_bytes_ += out_.size() - before;
}

void Link::send(std::span<const std::string_view> words) {
  if (open_) append_command(out_, words);
}

void Link::flush() {
  if (!open_ || out_.empty() || !writing_.empty()) return;
  writing_.swap(out_);
  stream_->write(writing_, [self = shared_from_this()](Result<void> written) {
    if (!self->open_) return;
    // A server that hangs up says why before: that is still to be read.
    if (!written && self->reading_) return;
    if (!written) return self->fail(written.error());
    self->writing_.clear();
    if (self->writing_.capacity() > kKeepBytes) std::string().swap(self->writing_);
    self->flush();
  });
}

void Link::check(TimePoint now) {
  if (!open_ || pending_.empty() || held_ || now - heard_at_ < options_.deadline) return;
  fail({Errc::unavailable, "Redis has not answered for " + format_duration(options_.deadline)});
}

void Link::read() {
  if (!open_ || reading_ || held_) return;
  reading_ = true;
  stream_->read_some(buffer_, [self = shared_from_this()](Result<size_t> bytes) {
    self->reading_ = false;
    if (!self->open_) return;
    if (!bytes) return self->fail(bytes.error());
    self->heard_at_ = self->loop_.now();
    self->unread_ = {self->buffer_.data(), *bytes};
    self->take_replies();
    self->read();
  });
}

void Link::take_replies() {
  while (open_ && !held_) {
    Result<ReplyReader::Next> next = reader_.next();
    if (!next) return fail({Errc::unavailable, next.error().detail});
    if (*next ? !take(*next) : !feed_more()) return;
  }
}

// False: there is nothing more to read, or no memory for it.
bool Link::feed_more() {
  if (unread_.empty()) return false;
  const std::string_view piece = unread_.substr(0, kFeedBytes);
  unread_.remove_prefix(piece.size());
  if (reader_.feed(piece)) return true;
  fail({Errc::resource_exhausted, "no memory for a reply of Redis"});
  return false;
}

bool Link::take(ReplyReader::Next next) {
  const Reply reply(next);
  if (pushes_ && pending_.empty()) {
    if (events_.on_push(reply)) return open_;
    held_ = next;
    return false;
  }
  if (pending_.empty()) {
    fail({Errc::unavailable, "a reply of Redis that nothing asked for"});
    return false;
  }
  adjust_window(pending_.front());
  const OnReply done = std::move(pending_.front().done);
  pending_bytes_ -= pending_.front().bytes;
  pending_.pop_front();
  if (reply.is_error()) {
    const Error error = to_error(reply.text());
    if (events_.on_error) events_.on_error(error);
    if (done) done(error);
  } else if (done) {
    done(reply);
  }
  return open_;
}

// As TCP finds out what a path carries: wider with each answer that came in time, half as wide after a late
// one.
void Link::adjust_window(const Pending& answered) {
  const TimePoint now = loop_.now();
  if (now - answered.asked_at < kWindowTime) {
    window_bytes_ = std::min(window_bytes_ + answered.bytes, kWindowMax);
  } else if (answered.asked_at > narrowed_at_) {
    window_bytes_ = std::max(window_bytes_ / 2, kWindowMin);
    narrowed_at_ = now;
  }
}

void Link::resume() {
  if (!open_ || !held_) return;
  const auto keep_alive = shared_from_this();
  if (!events_.on_push(Reply(held_))) return;
  held_ = nullptr;
  heard_at_ = loop_.now();
  take_replies();
  read();
}

void Link::fail(const Error& why) {
  const auto keep_alive = shared_from_this();
  if (!open_) return;
  close(why);
  if (events_.on_down) std::exchange(events_.on_down, nullptr)(why);
}

void Link::abandon() {
  events_ = {};
  pending_.clear();
  close({Errc::closed, "given up"});
}

void Link::close(const Error& why) {
  if (!open_) return;
  open_ = false;
  stream_->close();
  out_.clear();
  pending_bytes_ = 0;
  for (Pending& pending : std::exchange(pending_, {})) {
    if (pending.done) pending.done(why);
  }
}

}  // namespace gw::redis
