// Does it work? All connections of this instance speak to one server, it is a master and takes writes, and
// what is published comes back. What a probe finds out of place is put right: connections move together.
// Control loop only.
#pragma once

#include <array>
#include <deque>
#include <functional>

#include "core/done.h"
#include "engine/redis/keys.h"
#include "engine/redis/lease.h"
#include "engine/redis/subscriptions.h"

namespace gw::redis {

class Prober {
 public:
  // All outlive it.
  struct Parts {
    EventLoop& loop;
    Client& messages;
    Client& commands;
    Client& pushes;
    Subscriptions& subscriptions;
    Lease& lease;
    const Keys& keys;
  };

  // `on_works` at each probe that came through.
  Prober(Parts parts, std::function<void()> on_works) : parts_(parts), on_works_(std::move(on_works)) {}

  // Whether one could come through.
  bool is_ready() const;
  void ask(Done<void> done);
  // One of its own came on the instance's Pub/Sub name.
  void on_heard(int64_t number);
  // A subscription that hears nothing begins anew; every 100 ms or so.
  void judge(TimePoint now);
  // This one is up: the others have to speak to the same server.
  void on_up(const Client& newest);
  // The subscriptions are gone: no probe comes back.
  void on_deaf();
  // All connections begin anew.
  void move(const Error& why);

 private:
  struct Probe {
    uint64_t number;
    TimePoint asked_at;
    bool answered = false;  // the write and the PUBLISH, both well
    bool heard = false;     // often before, on the other connection
    Done<void> done;
  };

  std::array<Client*, 3> connections() const { return {&parts_.messages, &parts_.commands, &parts_.pushes}; }
  void publish(Done<void> done);
  void fail(uint64_t number, const Error& why);
  void finish();

  const Parts parts_;
  const std::function<void()> on_works_;
  std::deque<Probe> probes_;
  uint64_t next_ = 1;
};

}  // namespace gw::redis
