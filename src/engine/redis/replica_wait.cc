#include "engine/redis/replica_wait.h"

namespace gw::redis {
namespace {

// Less than the silence that ends a connection.
constexpr std::string_view kMilliseconds = "300";

}  // namespace

ReplicaWait::ReplicaWait(EventLoop& loop, Client& connection, size_t replicas)
    : connection_(connection), replicas_(replicas) {
  if (replicas > 0) turn_end_ = loop.on_turn_end([this] { wait(); });
}

OnReply ReplicaWait::hold_back(Done done) {
  if (!turn_) turn_ = std::make_shared<Turn>();
  return [turn = turn_, done = std::move(done)](const Result<Reply>& reply) {
    turn->push_back({answer_of(reply), done});
  };
}

void ReplicaWait::wait() {
  if (!turn_) return;
  const std::string replicas = std::to_string(replicas_);
  connection_.command(
      {"WAIT", replicas, kMilliseconds},
      [this, turn = std::exchange(turn_, nullptr)](const Result<Reply>& reply) { release(*turn, reply); });
}

void ReplicaWait::release(Turn& turn, const Result<Reply>& reply) const {
  const bool enough = reply && reply->integer() >= static_cast<int64_t>(replicas_);
  // Not a fault of the server's that a probe finds mended: the circuit rests, so that not every try leaves an
  // entry.
  const Error why = reply ? Error{Errc::timeout, "Redis: only " + std::to_string(reply->integer()) +
                                                     " replicas have it, of " + std::to_string(replicas_)}
                          : reply.error();
  for (const Held& held : turn) {
    const bool wrote = held.answer && *held.answer > 0;
    held.done(wrote && !enough ? Answer(why) : held.answer);
  }
}

}  // namespace gw::redis
