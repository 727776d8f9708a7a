// Between machines and hosts: lines with a time of their own that lose, hold back and cut. Bytes of a line
// arrive in order or not at all.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "net/stream.h"
#include "sim/redis/server.h"
#include "sim/world.h"

namespace gw::sim {

class Machine;
class Network;
class RedisHost;

// One TCP connection from a machine to a host.
class Line : public std::enable_shared_from_this<Line> {
 public:
  Line(World& world, Network& network, std::string machine, std::string host);

  // The machine's end. `on_bytes` and `on_end` run in the world, not in the machine's loop.
  struct Near {
    std::function<void(std::string)> on_bytes;
    std::function<void()> on_end;
  };
  struct Far {
    std::function<void(std::string)> on_bytes;
    std::function<void()> on_end;
  };
  void open(Near near, Far far);

  void to_far(std::string bytes, std::function<void()> arrived);
  void to_near(std::string bytes);
  // An end closes: the other hears of it behind what is on its way.
  void close_near();
  void close_far();
  // Both ends hear of it; of what is on its way each direction may lose some.
  void reset();
  // Nothing comes through any more, and nobody hears of that.
  void vanish() { vanished_ = true; }
  bool is_open() const { return near_open_ && far_open_; }
  const std::string& machine() const { return machine_; }
  const std::string& host() const { return host_; }
  void slow_down(Duration latency) { latency_ = latency; }

 private:
  struct Direction {
    TimePoint last_arrival;
    uint64_t generation = 0;                 // what was sent under an older one is lost
    std::deque<std::function<void()>> held;  // between machines that are cut off; behind it waits the rest
  };

  void send(Direction& direction, std::function<void()> arrive);
  void arrive(Direction& direction, std::function<void()> function);
  void give_held(Direction& direction);
  void lose(Direction& direction);

  World& world_;
  Network& network_;
  const std::string machine_;
  const std::string host_;
  Near near_;
  Far far_;
  bool near_open_ = true;
  bool far_open_ = true;
  bool vanished_ = false;
  Duration latency_;
  Direction out_;
  Direction back_;
};

class Network {
 public:
  explicit Network(World& world) : world_(world) {}

  std::shared_ptr<gw::Stream> make_stream(std::shared_ptr<Machine> machine);

  void add(RedisHost& host);
  void remove(const RedisHost& host);
  RedisHost* find(const std::string& address) const;
  void add(const std::shared_ptr<Line>& line) { lines_.push_back(line); }

  // Between these two nothing arrives; it waits.
  void cut(const std::string& machine, const std::string& host) { cuts_.emplace(machine, host); }
  void heal(const std::string& machine, const std::string& host) { cuts_.erase({machine, host}); }
  void heal_all();
  bool is_cut(const std::string& machine, const std::string& host) const {
    return cuts_.contains({machine, host});
  }
  // Those that are open, in the order of their making.
  std::vector<std::shared_ptr<Line>> lines();
  // The process is gone: its ends of all lines close.
  void close_all_of(const std::string& machine);

  Duration latency_max = 2ms;

 private:
  World& world_;
  std::map<std::string, RedisHost*> hosts_;
  std::vector<std::weak_ptr<Line>> lines_;
  std::set<std::pair<std::string, std::string>> cuts_;
};

}  // namespace gw::sim
