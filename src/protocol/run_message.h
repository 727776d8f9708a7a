// What a client is told of a run that it reads, appended to `out` as one JSON object (docs/PROTOCOL.md,
// "Runs"). Texts are pieces of the run's log: UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"

namespace gw::protocol {

// A place in the log, as every event names it.
struct RunPoint {
  uint32_t epoch = 0;
  uint64_t pos = 0;
  std::string_view hash = {};  // 14 hex digits
};

// What is the same for all events. Of an event that answers an attach: its id, and its thread when that is
// what it named.
struct RunHead {
  std::string_view run_id = {};
  std::string_view id = {};         // raw JSON; empty: left out
  std::string_view thread_id = {};  // empty: left out
};

struct RunSnapshot {
  std::string_view thread_id = {};  // or null
  std::string_view channel = {};
  std::string_view format = {};
  std::string_view status = {};
  std::string_view cause = {};  // attach, diverged, ahead
  std::string_view text = {};   // up to `point`
};
void append_run_snapshot(std::string& out, const RunHead& head, const RunPoint& point,
                         const RunSnapshot& snapshot, WallTime now);

// `point` is behind the text.
void append_run_delta(std::string& out, const RunHead& head, const RunPoint& point, uint64_t from,
                      std::string_view text, WallTime now);

// A new epoch; `point` is how far it agrees. cause: claimed, superseded, ended.
void append_run_reset(std::string& out, const RunHead& head, const RunPoint& point, std::string_view cause,
                      WallTime now);

struct RunTopOf {
  std::string_view status = {};
  std::string_view owner = {};       // live, lost, none
  std::chrono::milliseconds idle{};  // since its last byte
  bool cancel_requested = false;
};
void append_run_top(std::string& out, const RunHead& head, const RunPoint& point, const RunTopOf& top,
                    WallTime now);

struct RunEndOf {
  std::string_view status = {};
  std::string_view error_code = {};  // empty: error is null
  std::string_view error_message = {};
  std::string_view result = {};  // JSON; or null
};
void append_run_end(std::string& out, const RunHead& head, const RunPoint& point, const RunEndOf& end,
                    WallTime now);

}  // namespace gw::protocol
