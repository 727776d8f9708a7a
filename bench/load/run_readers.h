// Readers, each of one run on a connection of its own: what comes has to be that run's text, in order and
// without a hole.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "load/fleet.h"
#include "load/histogram.h"
#include "load/run_agents.h"

namespace gw::bench {

class RunReaders {
 public:
  struct Place {
    uint64_t pos = 0;
    std::string cursor;  // empty: from the start
  };

  // The n-th reads run (n mod runs) from `places`[n] on.
  RunReaders(Loop& loop, const Target& target, const RunDialect& dialect, RunAgents& agents,
             std::vector<std::string> tokens, std::vector<Place> places);

  // Returns when everyone is attached and has all that is said so far.
  void open_all(const Pace& pace) { fleet_.open_all(pace); }
  void close_all() { fleet_.close_all(); }
  size_t size() const { return places_.size(); }
  // From connect() to having everything.
  const Histogram& open_times() const { return fleet_.open_times(); }

  // Called with a run of which nobody lacks anything any more.
  void on_caught_up(std::function<void(size_t run)> handler) { on_caught_up_ = std::move(handler); }
  void wait_caught_up();
  // From saying to having it.
  const Histogram& latencies() const { return latencies_; }
  void reset_latencies() { latencies_ = {}; }
  // Of the last one that had text, without its frame's head.
  size_t message_bytes() const { return message_bytes_; }

 private:
  void read(size_t reader, std::string_view message);
  bool has_all(size_t reader) const;

  Loop& loop_;
  const RunDialect& dialect_;
  RunAgents& agents_;
  std::vector<Place> places_;
  Fleet fleet_;
  std::vector<bool> attached_;
  std::function<void(size_t)> on_caught_up_;
  Histogram latencies_;
  size_t message_bytes_ = 0;
};

}  // namespace gw::bench
