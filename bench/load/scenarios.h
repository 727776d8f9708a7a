// The four scenarios. Each throws when the server did not do what it was asked: a figure of a run in which
// something was lost is worth nothing.
#pragma once

#include <cstddef>
#include <string>

#include "load/loop.h"
#include "load/process.h"
#include "load/redis_client.h"
#include "load/report.h"
#include "load/target.h"

namespace gw::bench {

struct Bench {
  Loop& loop;
  const Target& target;
  const ServerProcess& server;
  // Behind a gateway on the Redis engine; else no process, and null.
  const ServerProcess& redis_process;
  RedisClient* redis;

  CpuTime cpu() const { return {server.cpu_ns(), redis_process.cpu_ns()}; }
  void mark(std::string_view phase) const {
    if (redis) redis->mark(phase);
  }
};

// Memory per open connection that says nothing.
struct IdleOptions {
  size_t connections = 19'000;
  double per_second = 4'000;
  double settle_s = 2;  // between the last change and a reading
  double hold_s = 0;    // they stay open after the last one
};
void run_idle(Bench& bench, const IdleOptions& options, Report& report);

// A client's message and its answer: an ack from the gateway, with an agent reading every message; an echo
// of the same bytes from a plain server.
struct RouteOptions {
  size_t connections = 64;
  size_t in_flight = 1;  // of each connection
  size_t messages = 100'000;
  size_t warm_up = 20'000;
  size_t silent = 0;            // connections beside those, open and saying nothing
  bool agent_on_redis = false;  // it has a Redis client alone; else it listens at the gateway
};
void run_route(Bench& bench, const RouteOptions& options, Report& report);

// Publications to every connection; the next burst begins when the last delivery has arrived.
struct FanoutOptions {
  size_t connections = 1'000;
  size_t burst = 1;  // publications written together
  size_t bursts = 200;
  size_t warm_up = 50;  // bursts
  size_t bytes = 128;
};
void run_fanout(Bench& bench, const FanoutOptions& options, Report& report);

// Many connect at once, then all leave.
struct StormOptions {
  size_t connections = 10'000;
  size_t concurrency = 128;
  size_t warm_up = 1'000;
};
void run_storm(Bench& bench, const StormOptions& options, Report& report);

}  // namespace gw::bench
