// A run as Redis keeps it, and what the scripts of runs answer. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/run_store.h"
#include "engine/redis/resp.h"
#include "engine/redis/words.h"

namespace gw::redis {

// What has to be told of a run's end.
struct RunCounted {
  Duration kept{};     // so long from now on
  uint64_t bytes = 0;  // of its log
  std::string user;    // whose number it counts for; empty: nobody's
  std::string realm;   // the same
  std::string thread;  // that it may be the latest of; empty: none
  std::string asked;   // what it was asked for as; empty: nothing

  std::optional<RunEnded> traced = {};  // it has ended here, and its trace is kept
};

// One that was read.
struct StoredRun {
  RunRecord record;
  uint64_t pos = 0;
  RunHash hash;
  std::vector<uint64_t> bases;
  uint64_t from = 0;
  std::string bytes;        // of the log, from there to its end
  bool is_expired = false;  // that is gone
  std::string owner;        // what an append has to show (scripts::append_run)
};

RunTop top_of(const StoredRun& run);

// What every script of a run answers first, and what is in the record as `state` and `at`.
struct RunAnswer {
  explicit RunAnswer(const Reply& answer) : reply(answer) {}
  std::string_view code() const { return reply[0].text(); }
  RunTop top() const { return state().top; }
  struct State {
    RunTop top;
    bool cancel_requested = false;
    Duration lease{};
    WallTime last_byte_at;
  };
  State state() const { return parse_state(reply[1].text(), reply[2].text()); }
  static State parse_state(std::string_view state, std::string_view at);
  // What follows: a number, a text.
  static constexpr size_t kFirst = 3;
  int64_t number(size_t i) const;
  std::string_view text(size_t i) const { return reply[kFirst + i].text(); }
  // What it refuses; the first number says how much.
  RunRefusal refusal() const;
  // From the i-th on.
  RunCounted counted(size_t i) const;

  const Reply reply;

 private:
  std::optional<RunEnded> traced(size_t i) const;
};

// Of a record's field `state`. Empty: there is no run, or none that a gateway wrote.
std::optional<RunStatus> parse_stored_status(std::string_view state);
WallTime lease_end(const RunAnswer::State& state, WallTime beat_at);

// Redis answers what it computed as a number, and what it read as a text.
int64_t number_of(const Reply& reply);
std::string milliseconds(Duration duration);

// Of a record's fields and values, and the log from there on. Empty: there is no such run, or none that a
// gateway wrote.
std::optional<StoredRun> parse_stored_run(const std::string& run_id, const ChannelTable& channels,
                                          const Reply& fields, uint64_t from, std::string_view bytes);
// Names and values, as scripts::claim_run takes them.
void append_run_fields(Words& words, const NewRun& run, const RunLimits& limits,
                       const ChannelTable& channels);

// Who has so many runs (Keys::runs_open), beside realms and all; empty: nobody. Of an anonymous client it
// begins with kStranger.
inline constexpr std::string_view kStranger = "stranger:";
std::string run_user(const RunAudience& audience, std::string_view asked_by);
// Keys::runs_pushed.
std::string person_digest(const RunAudience& audience);
// Keys::thread, Keys::run_asked; empty: there is none.
std::string thread_digest(const RunAudience& audience, std::string_view channel, std::string_view thread_id);
std::string asked_digest(std::string_view asked_as);
// A token is a secret: Redis gets its digest. Empty: none.
std::string token_digest(std::string_view token);

}  // namespace gw::redis
