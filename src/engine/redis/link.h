// One connection to Redis from its first byte to its end: commands are collected during a turn and written
// once, replies are matched in order, silence past the deadline ends it. A connection that has subscribed
// gets pushes instead of replies. Control loop only.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "engine/redis/resp.h"
#include "net/stream.h"

namespace gw::redis {

// What Redis answered, or why it did not: every error is `unavailable` and its detail says what happened.
using OnReply = std::function<void(const Result<Reply>&)>;

struct LinkOptions {
  // Of silence while a reply is due. Replies that come slowly but steadily are no silence.
  Duration deadline = 500ms;
};

class Link : public std::enable_shared_from_this<Link> {
 public:
  struct Events {
    std::function<void(const Error&)> on_down;   // once; pending commands have failed before
    std::function<bool(const Reply&)> on_push;   // false: hold this one; see resume()
    std::function<void(const Error&)> on_error;  // an error reply, before its command's handler gets it
  };

  // `stream` is connected.
  Link(EventLoop& loop, std::shared_ptr<Stream> stream, const LinkOptions& options);

  void start(Events events);
  // From here on what comes is a push, unless a command is waiting for its reply (RESP2 has no mark for it).
  void expect_pushes() { pushes_ = true; }

  // `done` may be empty.
  void command(std::span<const std::string_view> words, OnReply done);
  void command(std::initializer_list<std::string_view> words, OnReply done) {
    command(std::span(words.begin(), words.size()), std::move(done));
  }
  // Without a reply of its own: SUBSCRIBE and what follows it.
  void send(std::span<const std::string_view> words);
  // Writes what was collected: at the end of each turn.
  void flush();
  // Judges silence; every 50 ms or so.
  void check(TimePoint now);
  // After a push was held: tries it again, then goes on reading.
  void resume();
  // Fails what is pending, with `why`; tells nobody.
  void close(const Error& why);
  // The same, and nobody hears of what was pending: who asked may be gone.
  void abandon();

  bool is_open() const { return open_; }
  bool is_holding() const { return held_ != nullptr; }
  TimePoint heard_at() const { return heard_at_; }
  size_t pending() const { return pending_.size(); }
  size_t pending_bytes() const { return pending_bytes_; }
  // As much may be on its way: what is answered within kWindowTime. More would only wait, and make others
  // wait.
  size_t window_bytes() const { return window_bytes_; }

 private:
  static constexpr size_t kWindowFirst = 2 * 1024 * 1024;

  struct Pending {
    OnReply done;
    size_t bytes;
    TimePoint asked_at;
  };

  void read();
  void take_replies();
  bool feed_more();
  // False: a push is held, or the link has ended.
  bool take(ReplyReader::Next reply);
  void adjust_window(const Pending& answered);
  void fail(const Error& why);

  EventLoop& loop_;
  const std::shared_ptr<Stream> stream_;
  const LinkOptions options_;
  Events events_;
  bool open_ = true;
  bool pushes_ = false;

  std::deque<Pending> pending_;
  size_t pending_bytes_ = 0;
  size_t window_bytes_ = kWindowFirst;
  TimePoint narrowed_at_;
  std::string out_;      // collected in this turn
  std::string writing_;  // on its way
  TimePoint heard_at_;   // the last byte, or when something became due

  std::vector<char> buffer_;
  std::string_view unread_;  // of it, not given to the reader yet
  ReplyReader reader_;
  ReplyReader::Next held_ = nullptr;
  bool reading_ = false;
};

}  // namespace gw::redis
