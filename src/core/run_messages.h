// What readers of a run are told, as JSON (docs/PROTOCOL.md, "Runs"): where a reader goes on from its place,
// and each change as it comes. Pure: time is an argument.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/channel.h"
#include "core/run/run.h"

namespace gw {

// One message, and where its reader is then.
struct RunTold {
  std::string json;
  RunCursor after;
  bool ends = false;  // it is the last of this run
};

struct RunTelling {
  std::vector<RunTold> messages;
  bool whole = true;  // nothing is left to tell: neither text nor the end
};

// What the answer to an attach repeats of it.
struct RunAsked {
  std::string_view id = {};         // raw JSON; empty: none
  std::string_view thread_id = {};  // empty: it named the run
};

struct RunPieces {
  size_t piece_bytes = 16 * 1024;         // of text, in one message
  size_t line_bytes = size_t{256} << 10;  // a line of json that is longer is cut all the same
  size_t bytes = 64 * 1024;               // of text, in one telling
};

// Why a reader has to take another epoch: `cut`, it loses some of what it has.
std::string_view cause_of_reset(const RunRecord& run, bool cut);

class RunMessages {
 public:
  // `channels` outlives it.
  explicit RunMessages(const ChannelTable& channels) : channels_(channels) {}

  // The clocks: of the engine, for what is said of the run; the calendar, for timestamps.
  struct Now {
    WallTime engine;
    WallTime wall;
  };

  // To an attach: `cursor` may be anything. The first message carries `asked`.
  RunTelling answer(const Run& run, const std::optional<RunCursor>& cursor, const RunAsked& asked,
                    const RunPieces& pieces, Now now) const;
  // To whoever asked for it, behind its ack: from the start.
  RunTelling begin(const Run& run, const RunPieces& pieces, Now now) const;
  // To a reader that fell behind at `place`, or whose log has changed under it.
  RunTelling catch_up(const Run& run, const RunCursor& place, const RunPieces& pieces, Now now) const;

  // The next piece of the log behind `from`, which is before `to`.
  RunTold delta(const Run& run, uint64_t from, uint64_t to, const RunPieces& pieces, WallTime wall) const;
  // The run's epoch has begun; `pos` is how far it agrees with what a reader has, who had `had` bytes.
  RunTold reset(const Run& run, uint64_t pos, uint64_t had, WallTime wall) const;
  std::string top(const Run& run, Now now) const;
  RunTold end(const Run& run, WallTime wall) const;

 private:
  struct Draft;
  std::string top(const Run& run, const RunAsked& asked, Now now) const;

  const ChannelTable& channels_;
};

}  // namespace gw
