// Questions that cost Redis much: one at a time, with pauses, so that they take a small part of its time
// however many ask. Who asks what is waiting already shares its answer. Control loop only.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/done.h"
#include "net/event_loop.h"

namespace gw::redis {

template <class T>
class OneAtATime {
 public:
  using Ask = std::function<void(Done<T>)>;

  explicit OneAtATime(EventLoop& loop) : loop_(loop) {}

  // `name`: the same for the same question. Not answered with what was asked before: that may be older.
  void ask(std::string name, Ask ask, Done<T> done) {
    for (Question& question : waiting_) {
      if (question.name != name) continue;
      question.askers.push_back(std::move(done));
      return;
    }
    waiting_.push_back({std::move(name), std::move(ask), {}});
    waiting_.back().askers.push_back(std::move(done));
    if (!busy_) next();
  }

 private:
  // A question may take this share of the time.
  static constexpr int kShare = 5;

  struct Question {
    std::string name;
    Ask ask;
    std::vector<Done<T>> askers;
  };

  void next() {
    busy_ = !waiting_.empty();
    if (!busy_) return;
    auto question = std::make_shared<Question>(std::move(waiting_.front()));
    waiting_.pop_front();
    question->ask([this, question, began = loop_.now()](Result<T> answer) {
      pause_ = loop_.after((loop_.now() - began) * (kShare - 1), [this] { next(); });
      for (const Done<T>& done : question->askers) done(answer);
    });
  }

  EventLoop& loop_;
  std::deque<Question> waiting_;
  bool busy_ = false;
  EventLoop::Registration pause_;
};

}  // namespace gw::redis
