// A model of Redis on a host of the network: it may stall, die, come back with what its disk has, follow a
// master, lead.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "sim/network.h"
#include "sim/redis/server.h"

namespace gw::sim {

class RedisHost {
 public:
  RedisHost(World& world, Network& network, Scripts& scripts, HostPort address);
  ~RedisHost();

  const HostPort& address() const { return address_; }
  RedisServer& server() { return *server_; }
  bool is_up() const { return up_; }

  // A line from a machine; answers its far end.
  Line::Far accept(const std::shared_ptr<Line>& line);

  // Does nothing for so long; the lines stay.
  void stall(Duration time);
  // The process dies. Of what it wrote last each line has some or nothing.
  void kill();
  // A new process, with this data.
  void start(RedisData data);
  RedisData data() const { return server_->data(); }

  // A replica of `master`: has its data `lag` later.
  void follow(RedisHost& master, Duration lag);
  void lead();
  bool leads() const { return !master_; }
  // It is a sentinel: says where the master is, and how new that is.
  void watch(std::function<std::pair<RedisServer::Master, uint64_t>()> master);
  // WAITs end in time, and a replica asks.
  void tick();

 private:
  struct Connection {
    std::shared_ptr<Line> line;
    std::shared_ptr<RedisClient> client;
  };

  std::unique_ptr<RedisServer> make_server() const;
  // What comes is taken in its order, and not while it stalls.
  void take(std::function<void()> function);
  void take_all();
  void on_bytes(uint64_t connection, const std::string& bytes);
  void on_end(uint64_t connection);
  void flush();
  // Every so often, as long as this process lives and follows.
  void replicate(uint64_t life);

  World& world_;
  Network& network_;
  Scripts& scripts_;
  const HostPort address_;
  std::unique_ptr<RedisServer> server_;
  std::map<uint64_t, Connection> connections_;
  uint64_t next_connection_ = 1;
  std::deque<std::function<void()>> taken_;
  bool waits_ = false;
  TimePoint busy_until_;
  bool up_ = true;
  uint64_t life_ = 0;  // of a process, and of a role
  RedisHost* master_ = nullptr;
  std::function<std::pair<RedisServer::Master, uint64_t>()> watched_;
  Duration lag_{};
};

}  // namespace gw::sim
