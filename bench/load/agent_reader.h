// An agent that listens: one subscription on a thread of its own, reading everything and checking that each
// message of the route scenario arrives once, in its connection's order.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "load/feed.h"
#include "load/histogram.h"

namespace gw::bench {

// Where a message came from and when: what the route scenario writes into each, fixed in width.
struct Stamp {
  uint32_t client = 0;
  uint32_t sequence = 0;
  int64_t sent_ns = 0;

  static constexpr std::string_view kKey = R"("bench":")";
  static constexpr size_t kLength = 5 + 1 + 8 + 1 + 19;

  void append(std::string& out) const;
  // Finds the key in `text`; false when it is not there or what follows is no stamp.
  static bool find(std::string_view text, Stamp& stamp);
};

class AgentReader {
 public:
  // Ends the feed's connection with itself.
  AgentReader(Feed feed, size_t clients);
  ~AgentReader();
  AgentReader(const AgentReader&) = delete;
  AgentReader& operator=(const AgentReader&) = delete;

  // Envelopes so far, in order and once each; readable from any thread.
  uint64_t received() const { return received_.load(std::memory_order_acquire); }
  // What was wrong with the first bad one; empty if none. Ends the thread.
  std::string finish();
  // Only after finish(): from sending to reading, of those sent at or after `since_ns`.
  Histogram latencies() const { return latencies_; }
  void measure_since(int64_t since_ns) { measure_since_ns_.store(since_ns); }

 private:
  void run();
  void take_lines();
  void on_envelope(std::string_view line);

  Feed feed_;
  std::vector<uint32_t> next_;  // the sequence expected of each client
  std::string fault_;
  Histogram latencies_;
  std::atomic<uint64_t> received_ = 0;
  std::atomic<int64_t> measure_since_ns_ = INT64_MAX;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace gw::bench
