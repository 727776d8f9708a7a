#include "engine/redis/prober.h"

#include <algorithm>

namespace gw::redis {
namespace {

// A subscription that has brought nothing at all since the probe left is dead, whatever its socket says.
constexpr Duration kProbeTime = 600ms;
constexpr size_t kProbesMax = 16;

Error not_now() {
  return {Errc::unavailable, "this instance is not connected to Redis, or still confirms that it is"};
}

}  // namespace

bool Prober::is_ready() const {
  return parts_.messages.is_up() && parts_.commands.is_up() && parts_.subscriptions.is_ready() &&
         parts_.lease.is_fresh();
}

// A server keeps its run id from its start to its end, but not its role. On the subscriptions' connection it
// can't be asked; it is enough that it is the same process.
void Prober::ask(Done<void> done) {
  if (!is_ready()) return done(not_now());
  parts_.commands.command({"INFO", "server", "replication"},
                          [this, done = std::move(done)](const Result<Reply>& reply) mutable {
                            if (!reply) return done(reply.error());
                            if (!is_ready()) return done(not_now());
                            if (info_field(reply->text(), "role") == "slave") {
                              const Error why{Errc::unavailable, "the server has become a replica"};
                              move(why);
                              return done(why);
                            }
                            publish(std::move(done));
                          });
}

// SET with XX writes nothing, since the key is never there, and is refused whenever a write would be: out of
// memory, without its replicas, without its disk.
void Prober::publish(Done<void> done) {
  if (probes_.size() >= kProbesMax) {
    fail(probes_.front().number, Error{Errc::timeout, "a probe did not come back"});
  }
  const uint64_t number = next_++;
  probes_.push_back({number, parts_.loop.now(), false, false, std::move(done)});
  const std::string own = parts_.keys.gateway(parts_.keys.instance()),
                    key = parts_.keys.probe(parts_.keys.instance());
  const std::string payload = "{\"probe\":" + std::to_string(number) + "}";
  const auto answered = [this, number](const Result<Reply>& reply) {
    if (!reply) fail(number, reply.error());
  };
  parts_.messages.command({"SET", key, payload, "XX"}, answered);
  parts_.messages.publish(own, payload, [this, number, answered](const Result<Reply>& reply) {
    for (Probe& probe : probes_) probe.answered = probe.answered || probe.number == number;
    answered(reply);
    finish();
  });
}

void Prober::fail(uint64_t number, const Error& why) {
  const auto it = std::find_if(probes_.begin(), probes_.end(),
                               [number](const Probe& probe) { return probe.number == number; });
  if (it == probes_.end()) return;
  const Done<void> done = std::move(it->done);
  probes_.erase(it);
  done(why);
}

// The ones before it will not come any more.
void Prober::on_heard(int64_t number) {
  for (Probe& probe : probes_) probe.heard = probe.heard || static_cast<int64_t>(probe.number) <= number;
  finish();
}

void Prober::finish() {
  bool works = false;
  while (!probes_.empty() && probes_.front().answered && probes_.front().heard) {
    const Probe probe = std::move(probes_.front());
    probes_.pop_front();
    probe.done({});
    works = true;
  }
  if (works) on_works_();
}

void Prober::judge(TimePoint now) {
  if (probes_.empty() || parts_.pushes.is_holding()) return;
  const Probe& oldest = probes_.front();
  if (!oldest.answered || oldest.heard || now - oldest.asked_at < kProbeTime ||
      parts_.pushes.heard_at() > oldest.asked_at) {
    return;
  }
  parts_.pushes.restart(
      {Errc::unavailable, "a probe did not come back: nothing is heard on this connection"});
}

// It has just found a master: whoever speaks to another server speaks to one that was.
void Prober::on_up(const Client& newest) {
  for (Client* other : connections()) {
    if (!other->is_up() || other->run_id() == newest.run_id()) continue;
    other->restart({Errc::unavailable, "the " + newest.name() + " connection has found another server"});
  }
}

void Prober::move(const Error& why) {
  for (Client* connection : connections()) connection->restart(why);
}

void Prober::on_deaf() {
  for (const Probe& probe : std::exchange(probes_, {})) probe.done(not_now());
}

}  // namespace gw::redis
