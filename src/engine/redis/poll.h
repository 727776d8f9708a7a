// Several servers that are asked the same at once, for what each knows. It ends when all have answered, a
// little after most have, or when time is up. Control loop only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "engine/redis/inquiry.h"

namespace gw::redis {

template <class T>
class Poll {
 public:
  // Reads into `answer`, which is the server's own.
  using Read = std::function<Result<void>(size_t server, T& answer, size_t command, const Reply& reply)>;
  // `last_error`: of one that did not answer.
  using OnEnd = std::function<void(std::vector<T> answers, const Error& last_error)>;

  explicit Poll(EventLoop& loop) : loop_(loop) {}
  ~Poll() { cancel(); }
  Poll(const Poll&) = delete;
  Poll& operator=(const Poll&) = delete;

  bool is_open() const { return on_end_ != nullptr; }
  // Not while one is open.
  void begin(const std::vector<Inquiry::Server>& servers, const Inquiry::Commands& commands, Read read,
             OnEnd on_end) {
    asked_ = servers.size();
    read_ = std::move(read);
    on_end_ = std::move(on_end);
    timeout_ = loop_.after(kAskTime, [this] { finish(); });
    for (size_t i = 0; i < servers.size(); ++i) {
      const auto answer = std::make_shared<T>();
      open_[i] = std::make_shared<Inquiry>(
          loop_, servers[i],
          [this, i, answer](size_t command, const Reply& reply) { return read_(i, *answer, command, reply); },
          [this, i, answer](Result<void> asked) { on_answer(i, *answer, asked); });
    }
    const auto inquiries = open_;  // one that fails at once is no longer in it
    for (const auto& [index, inquiry] : inquiries) inquiry->start(commands);
  }

 private:
  static constexpr Duration kAskTime = 500ms;
  // Once most have answered the others get this long.
  static constexpr Duration kGrace = 100ms;

  void on_answer(size_t server, T& answer, const Result<void>& asked) {
    open_.erase(server);
    if (asked) {
      answers_.push_back(std::move(answer));
    } else {
      last_error_ = asked.error();
    }
    if (open_.empty()) return finish();
    if (answers_.size() > asked_ / 2) grace_ = loop_.after(kGrace, [this] { finish(); });
  }
  void finish() {
    cancel();
    const OnEnd on_end = std::exchange(on_end_, nullptr);
    const Error why = std::exchange(last_error_, kNobody);
    if (on_end) on_end(std::exchange(answers_, {}), why);
  }
  void cancel() {
    timeout_.reset();
    grace_.reset();
    for (const auto& [index, inquiry] : std::exchange(open_, {})) inquiry->cancel();
  }

  const Error kNobody{Errc::unavailable, "none has answered"};

  EventLoop& loop_;
  size_t asked_ = 0;
  Read read_;
  OnEnd on_end_;
  std::map<size_t, std::shared_ptr<Inquiry>> open_;
  std::vector<T> answers_;
  Error last_error_ = kNobody;
  EventLoop::Registration timeout_;
  EventLoop::Registration grace_;
};

}  // namespace gw::redis
