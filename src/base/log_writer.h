// Brings lines to a descriptor on a thread of its own: whoever logs never waits for whoever reads the log.
// What does not fit into its buffer is dropped, counted, and told when there is room again.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/log_limit.h"
#include "base/time.h"

namespace gw::log {

struct Stats {
  uint64_t lines_dropped = 0;   // nobody read the log, and the buffer was full
  uint64_t lines_left_out = 0;  // over the limit of their event
};

// Any thread.
class Writer {
 public:
  struct Options {
    int fd = 2;
    size_t buffer_bytes = 256 << 10;  // beside as much that is being written
    // On the writer's thread, which may put lines of its own.
    std::function<void(uint64_t lines)> on_dropped;
    std::function<void(EventLimit::LeftOut)> on_left_out;
  };

  explicit Writer(Options options);
  // Without waiting: what the descriptor does not take is lost.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  bool admits(std::string_view event, TimePoint now);
  // A whole line with its end.
  void put(std::string_view line);
  // What on_left_out has not been told yet, at the end: until it is empty.
  std::optional<EventLimit::LeftOut> take_left_out();
  // Waits until what has been put is written. False: not within `wait_max`. For signal handlers too.
  bool drain(Duration wait_max) const;
  Stats stats() const;

 private:
  struct State;
  static void run(State& state);

  const std::shared_ptr<State> state_;  // the thread's as well: it may outlive this
};

}  // namespace gw::log
