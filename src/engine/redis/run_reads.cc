#include "engine/redis/run_reads.h"

#include "engine/redis/client.h"
#include "engine/redis/scripts.h"

namespace gw::redis {

void read_run(const RunsRead& parts, const std::string& run_id, uint64_t from, OnStoredRun done) {
  Client& messages = parts.place.messages;
  const std::string key = parts.place.keys.run(run_id);
  const ChannelTable& channels = parts.channels;
  if (from >= kNoLog) {
    messages.command({"HGETALL", key}, [&channels, run_id, from, done](const Result<Reply>& fields) {
      if (!fields) return done(fields.error());
      done(parse_stored_run(run_id, channels, *fields, from, {}));
    });
    return;
  }
  run_script(messages, scripts::read_run,
             {{"run", key}, {"log", parts.place.keys.run_log(run_id)}, {"from", std::to_string(from)}},
             [&channels, run_id, from, done](const Result<Reply>& both) {
               if (!both) return done(both.error());
               done(parse_stored_run(run_id, channels, (*both)[0], from, (*both)[1].text()));
             });
}

void read_top(const RunsRead& parts, const std::string& run_id,
              std::function<void(const Result<std::optional<StoredTop>>&)> done) {
  parts.place.messages.command(
      {"HMGET", parts.place.keys.run(run_id), "state", "at", "beat_at", "times"},
      [done = std::move(done)](const Result<Reply>& fields) {
        if (!fields) return done(fields.error());
        if (!(*fields)[0].is_text()) return done(std::optional<StoredTop>());
        const auto state = RunAnswer::parse_state((*fields)[0].text(), (*fields)[1].text());
        const WallTime beat_at(std::chrono::milliseconds(number_of((*fields)[2])));
        const WallTime created_at(std::chrono::milliseconds(number_of((*fields)[3])));
        done(std::optional(StoredTop{state, lease_end(state, beat_at), created_at}));
      });
}

}  // namespace gw::redis
