// An agent that listens: one subscription by Server-Sent Events on a thread of its own, reading everything
// and checking that each message of the route scenario arrives once, in its connection's order.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "load/histogram.h"
#include "load/target.h"

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

// The body of a response with `Transfer-Encoding: chunked`, piece by piece (RFC 9112 section 7.1).
class ChunkedBody {
 public:
  // Appends to `out` what of `bytes` is body.
  void decode(std::string_view bytes, std::string& out);

 private:
  enum class State { size, data, end_of_data };
  State state_ = State::size;
  std::string size_text_;
  uint64_t left_ = 0;
};

class SseReader {
 public:
  // Returns when the server has begun its answer, so that what is sent from then on is seen.
  SseReader(const Target& target, size_t clients);
  ~SseReader();
  SseReader(const SseReader&) = delete;
  SseReader& operator=(const SseReader&) = delete;

  // Envelopes so far, in order and once each; readable from any thread.
  uint64_t received() const { return received_.load(std::memory_order_acquire); }
  // What was wrong with the first bad one; empty if none. Ends the thread.
  std::string finish();
  // Only after finish(): from sending to reading, of those sent at or after `since_ns`.
  Histogram latencies() const { return latencies_; }
  void measure_since(int64_t since_ns) { measure_since_ns_.store(since_ns); }

 private:
  void connect(const Target& target);
  void run();
  void take_lines();
  void on_envelope(std::string_view line);

  int fd_ = -1;
  bool chunked_ = false;
  ChunkedBody chunks_;
  std::string body_;
  std::vector<uint32_t> next_;  // the sequence expected of each client
  std::string fault_;
  Histogram latencies_;
  std::atomic<uint64_t> received_ = 0;
  std::atomic<int64_t> measure_since_ns_ = INT64_MAX;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace gw::bench
