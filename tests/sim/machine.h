// What one process runs on: its loop on the world's clock. It may stall, and it may be late.
#pragma once

#include <memory>
#include <string>

#include "net/event_loop.h"
#include "net/stream.h"
#include "sim/world.h"

namespace gw::sim {

class Network;

class Machine final : public VirtualMachine, public std::enable_shared_from_this<Machine> {
 public:
  Machine(World& world, Network& network, std::string name)
      : world_(world), network_(network), name_(std::move(name)), loop_(*this) {}

  EventLoop& loop() { return loop_; }
  const std::string& name() const { return name_; }
  // Does nothing for so long; what comes waits.
  void stall(Duration time) { busy_until_ = std::max(busy_until_, world_.now() + time); }
  // Each turn takes up to so long.
  void slow(Duration turn_max) { turn_max_ = turn_max; }
  // Nothing of it runs any more.
  void end();

  TimePoint now() override { return world_.now(); }
  WallTime wall_now() override { return world_.wall_now(); }
  void at(TimePoint due, std::function<void()> function) override;
  bool run_one() override;
  std::shared_ptr<gw::Stream> make_stream(EventLoop& loop, const TlsOptions& tls) override;

 private:
  struct Due {
    TimePoint at;
    uint64_t number;
    std::function<void()> function;

    bool operator<(const Due& other) const { return at != other.at ? at > other.at : number > other.number; }
  };

  void wake(TimePoint when);
  void turn();

  World& world_;
  Network& network_;
  const std::string name_;
  std::priority_queue<Due> due_;
  uint64_t next_number_ = 0;
  TimePoint busy_until_;
  TimePoint wakes_at_ = TimePoint::max();  // a turn is due then
  Duration turn_max_{};
  bool ended_ = false;
  EventLoop loop_;
};

}  // namespace gw::sim
