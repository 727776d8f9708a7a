// What is read of a run. The record alone by a command: its fields are many, and each would pass through Lua
// twice. With its log by a script: MULTI would do, at a third of the cost, but Redis refuses whatever is
// queued in it when its memory is full, and then nobody could read any more. Control loop only.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/redis/run_places.h"
#include "engine/redis/run_record.h"

namespace gw::redis {

// Behind every log's end: of a run that is read from there comes the record alone.
inline constexpr uint64_t kNoLog = uint64_t{1} << 40;

using OnStoredRun = std::function<void(Result<std::optional<StoredRun>>)>;

struct RunsRead {
  const RunPlace& place;  // of the run
  const ChannelTable& channels;
};
// Record and log, from there on, as they are at one time. Empty: there is no such run.
void read_run(const RunsRead& parts, const std::string& run_id, uint64_t from, OnStoredRun done);

// How far it is, and whether its owner is there: what readers compare every other second.
struct StoredTop {
  RunAnswer::State state;
  WallTime lease_until;
  WallTime created_at;
};
void read_top(const RunsRead& parts, const std::string& run_id,
              std::function<void(const Result<std::optional<StoredTop>>&)> done);

}  // namespace gw::redis
