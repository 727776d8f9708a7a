// Holds answers back until replicas have what they answer: one WAIT for all that was written in a turn,
// behind it on the same connection. Control loop only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/redis/client.h"
#include "net/event_loop.h"

namespace gw::redis {

class ReplicaWait {
 public:
  using Answer = Result<int64_t>;
  using Done = std::function<void(const Answer&)>;

  // 0 replicas: nothing is held. Made before the connection starts: its turns end behind this one's.
  ReplicaWait(EventLoop& loop, Client& connection, size_t replicas);

  // The handler of a command that is about to be sent. `done` gets its answers in order; one above 0 (it
  // wrote) only when enough replicas have it, else an error, although it stands in the server.
  template <class Handler>
  OnReply hold(Handler done) {
    if (replicas_ > 0) return hold_back(std::move(done));
    return [done = std::move(done)](const Result<Reply>& reply) { done(answer_of(reply)); };
  }

 private:
  struct Held {
    Answer answer;
    Done done;
  };
  using Turn = std::vector<Held>;

  static Answer answer_of(const Result<Reply>& reply) {
    return reply ? Answer(reply->integer()) : Answer(reply.error());
  }
  OnReply hold_back(Done done);
  void wait();
  void release(Turn& turn, const Result<Reply>& reply) const;

  Client& connection_;
  const size_t replicas_;
  std::shared_ptr<Turn> turn_;  // what was sent in this one
  EventLoop::Registration turn_end_;
};

}  // namespace gw::redis
