// The scenarios. Each throws when the server did not do what it was asked: a figure of a run in which
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
  double settle_s = 2;     // between the last change and a reading
  double hold_s = 0;       // they stay open after the last one
  bool anonymous = false;  // they show no session, and none is made
};
void run_idle(Bench& bench, const IdleOptions& options, Report& report);

// A client's message and its answer: an ack from the gateway, with an agent reading every message; an echo
// of the same bytes from a plain server.
struct RouteOptions {
  size_t connections = 64;
  size_t in_flight = 1;  // of each connection
  double per_second =
      0;  // of all connections in turn, evenly spread, answered or not; 0: one for each answer
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
  std::string tokens_file;  // a token a line, for those that warm up and all others; empty: sessions are made
};
void run_storm(Bench& bench, const StormOptions& options, Report& report);

// --- Runs: the gateway's, and what Centrifugo has in their place ---

// An agent's append until every reader of the run has it.
struct RunAppendOptions {
  size_t runs = 512;  // a run takes 200 appends a second
  size_t agents = 64;
  size_t readers = 1;  // of each run
  size_t bytes = 64;
  size_t appends = 100'000;
  size_t warm_up = 20'000;
};
void run_run_append(Bench& bench, const RunAppendOptions& options, Report& report);

// Agents that speak as models do, each run with its agent and its reader.
struct RunPaceOptions {
  size_t runs = 1'000;
  double per_second = 25;  // appends of each
  size_t bytes = 64;
  double seconds = 15;
  double warm_up_s = 3;
};
void run_run_pace(Bench& bench, const RunPaceOptions& options, Report& report);

// Memory of open runs that nobody reads.
struct RunMemoryOptions {
  size_t runs = 1'000;
  size_t bytes = 16'384;
  size_t append_bytes = 16;
  double settle_s = 2;
};
void run_run_memory(Bench& bench, const RunMemoryOptions& options, Report& report);

// Readers that come back at once with a cursor, beside connections that ask for nothing.
struct RunResumeOptions {
  size_t clients = 10'000;
  size_t concurrency = 128;
  size_t bytes = 64;
  size_t appends = 8;  // before they left, and as many since
  bool were_elsewhere =
      false;  // the server has had no readers of these runs; else the clients come back to it
};
void run_run_resume(Bench& bench, const RunResumeOptions& options, Report& report);

}  // namespace gw::bench
