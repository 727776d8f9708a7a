// A run: one agent's answer as one append-only log with one owner, one life and an audience. What it is, what
// agents ask of it, and what readers hear. What becomes of a call is core/run/run_machine.h's to say.
//
//   queued --claim--> in_progress --end--> completed | failed | cancelled       by its owner
//      |                  |--lease and takeover window over--> abandoned        by the gateway
//      |                  |--cancel asked, grace over--> cancelled              by the gateway
//      |--start timeout--> abandoned;   cancel --> cancelled
#pragma once

#include <algorithm>
#include <array>
#include <boost/system/result.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/lazy.h"
#include "base/lean_text.h"
#include "base/time.h"
#include "core/channel.h"
#include "core/run/audience.h"
#include "core/run/log.h"
#include "core/run/plain_stream.h"
#include "core/run/trace.h"
#include "protocol/run_framing.h"

namespace gw {

enum class RunStatus : uint8_t { queued, in_progress, completed, failed, cancelled, abandoned };
// All but text: one item a line. ai_sdk, ag_ui: the items are chunks or events of that protocol.
enum class RunFormat : uint8_t { text, json, ai_sdk, ag_ui };

std::string_view to_string(RunStatus status);
std::optional<RunStatus> parse_run_status(std::string_view text);
std::string_view to_string(RunFormat format);
std::optional<RunFormat> parse_run_format(std::string_view text);
inline bool has_lines(RunFormat format) { return format != RunFormat::text; }
// Its log is a stream of that protocol, which the gateway begins and ends (core/run/framing.h).
inline bool is_framed(RunFormat format) { return format >= RunFormat::ai_sdk; }
// Whether a batch that is text, or items, may go to such a run.
inline bool takes(RunFormat run, RunFormat batch) {
  return is_framed(run) || has_lines(run) == has_lines(batch);
}
inline bool is_over(RunStatus status) { return status >= RunStatus::completed; }

// A run's name from outside: [A-Za-z0-9_.~-]{1,128}. One that begins with "run_" is the gateway's own.
bool is_valid_run_id(std::string_view text);
// [A-Za-z0-9._:@+=-]{1,128}
bool is_valid_thread_id(std::string_view text);
// "run_" and the hex digits of a message's id (36 characters, a UUID).
std::string run_id_of_message(std::string_view message_id);
// "run_" and 128 random bits.
std::string make_run_id();

struct RunError {
  std::string code;
  std::string message;
  friend bool operator==(const RunError&, const RunError&) = default;
};

// The first of a digest: who could make two alike is the producer, and would mislead itself alone.
using SeqDigest = std::array<unsigned char, 12>;

// A batch that was stored, as its answer said.
struct RunReceipt {
  uint64_t seq = 0;
  uint64_t pos = 0;  // of the log after it
  RunHash hash;
  SeqDigest digest{};  // of its bytes and its end
  friend bool operator==(const RunReceipt&, const RunReceipt&) = default;
};

// Where the last batches of a claim end in the log: one that is said again has to be what stands there.
class RunBatches {
 public:
  static constexpr size_t kKept = 16;

  // A claim that goes on from there; its first batch has seq 0.
  void begin(uint64_t pos) {
    next_ = 0;
    ends_[0] = static_cast<uint32_t>(pos);
  }
  void add(uint64_t pos_after) { ends_[++next_ % ends_.size()] = static_cast<uint32_t>(pos_after); }
  // So many are stored, and where they end is kept elsewhere (RunRare::receipts).
  void skip_to(uint64_t next) { next_ = next; }
  uint64_t next() const { return next_; }  // seq
  uint64_t first_kept() const { return next_ - std::min<uint64_t>(next_, kKept); }
  bool has(uint64_t seq) const { return seq < next_ && seq >= first_kept(); }
  // Of one that it has.
  uint64_t begin_of(uint64_t seq) const { return ends_[seq % ends_.size()]; }
  uint64_t end_of(uint64_t seq) const { return begin_of(seq + 1); }
  friend bool operator==(const RunBatches&, const RunBatches&) = default;

 private:
  uint64_t next_ = 0;
  std::array<uint32_t, kKept + 1> ends_{};  // run-bytes is at most 64 MiB
};

// What the last claim showed, where it showed a token or was for a group's delivery.
struct RunClaimShown {
  std::string token;                     // empty: none
  Digest digest{};                       // of the body of a claim with a token
  std::vector<std::string> past_tokens;  // the last kTokensKept before `token`: their claims are over
  std::string group;                     // whose delivery it was claimed for; empty: none
  std::string delivery_id;

  static constexpr size_t kTokensKept = 8;
};

// What most runs do not have while they are open.
struct RunRare {
  std::string asked_by;           // account of the anonymous client whose message asked for it; empty: none
  std::string metadata;           // a JSON object; empty: none
  std::optional<RunTrace> trace;  // absent: its trace is not kept
  std::string cancel_reason;
  std::optional<RunError> error;
  std::string result;  // JSON; empty: null
  // Where the log cannot tell them: it has expired, is framed, or is in Redis. As RunBatches has them.
  std::vector<RunReceipt> receipts;
  Lazy<PlainStream> stream;  // present: it is no run, but a plain stream
};

struct RunRecord {
  LeanText run_id;
  ChannelIndex channel = 0;
  RunFormat format = RunFormat::text;
  RunStatus status = RunStatus::queued;
  bool push = false;
  bool is_realms = false;  // made by `realm`: other realms' keys do not reach it
  bool cancel_requested = false;
  RunAudience audience;
  LeanText tenant_id;  // whose it is; empty: none
  LeanText realm;      // that it counts for; empty: of a client, and not claimed yet
  LeanText thread_id;  // empty: none
  uint64_t bytes_max = 0;
  Duration retention{};
  Lazy<RunRare> rare;

  uint32_t epoch = 0;        // +1 with each claim, and with an ending by the gateway
  uint32_t claim_epoch = 0;  // of the last claim; 0: none
  LeanText producer;         // of the last claim
  RunHash claim_hash;        // of the log as that claim left it
  Lazy<RunClaimShown> shown;
  Duration lease{};
  Duration takeover{};
  RunBatches batches;

  // By the engine's clock.
  WallTime created_at;
  WallTime lease_until;      // of its owner; meaningful in_progress
  WallTime last_byte_at;     // or the claim, where none has come
  WallTime cancel_asked_at;  // meaningful with cancel_requested
  WallTime ended_at;         // meaningful when it is over
  WallTime start_until;      // somebody has to claim it before
  WallTime life_until;
};

struct RunFramed {
  protocol::RunFraming framing;  // what the log says; of no meaning once the run is over
  uint64_t claim_pos = 0;        // of the log as the last claim left it
};

// One as this process knows it: all there is on the memory engine, a replica on Redis.
struct Run {
  RunRecord record;
  RunLog log;
  // Of a framed run, where this process is who writes its log.
  Lazy<RunFramed> framed = {};
};

struct RunLimits {
  size_t run_bytes = size_t{1} << 20;    // of one log
  size_t store_bytes = size_t{1} << 30;  // of all logs of an instance, memory engine
  size_t realm_bytes = size_t{64} << 20;
  size_t user_bytes = size_t{16} << 20;
  size_t cache_bytes = size_t{256} << 20;  // of all replicas of an instance, Redis
  size_t open_runs = 100'000;              // of all: of the instance, or of all that share a Redis
  size_t open_runs_per_user = 32;
  size_t open_runs_per_realm = 10'000;
  size_t kept_runs_per_user = 256;
  size_t list_looks = 2000;    // a list looks at no more runs than that
  double made_per_second = 5;  // by a user
  double made_burst = 32;
  double appends_per_second = 200;  // to a run
  double appends_burst = 400;
  Duration start_timeout = 60s;
  Duration cancel_grace = 5s;
  Duration life = 24h;
  Duration retention = 1h;  // after the end

  // Of those that a realm, or everybody, may have open: so many of its runs are kept, open or over.
  static constexpr size_t kKeptPerOpen = 2;
  static constexpr size_t kAppendBytes = size_t{256} << 10;
  static constexpr size_t kAppendItems = 1000;
  static constexpr Duration kLease = 10s, kLeaseMin = 2s, kLeaseMax = 120s;
  static constexpr Duration kTakeoverMax = 300s;
  static constexpr Duration kRetentionMax = 168h;
  static constexpr uint32_t kEpochMax = 9999;
};

// --- What agents ask -------------------------------------------------------------------------------------

struct RunEnd {
  RunStatus status = RunStatus::completed;  // completed, failed or cancelled
  std::optional<RunError> error = {};
  std::string result = {};  // JSON; empty: none
  friend bool operator==(const RunEnd&, const RunEnd&) = default;
};

struct RunClaim {
  std::string producer;
  std::string token = {};             // empty: none
  std::optional<uint64_t> keep = {};  // bytes; absent: all
  // An epoch that the claimer has heard of: where the run has a later one, it comes too late.
  std::optional<uint32_t> epoch = {};
  uint32_t epoch_known = 0;  // the highest that this process has heard of
  bool force = false;        // although another's lease lasts; checked by the caller
  Duration lease = RunLimits::kLease;
  std::optional<Duration> takeover = {};     // absent: for a group's delivery ack-wait + 5 s, else none
  std::string group = {}, delivery_id = {};  // the delivery that it is for; empty: none
  std::string realm = {};                    // of the caller's key

  // No claim is given one that somebody has heard of: an engine that was replaced may have lost it.
  uint32_t epoch_heard() const { return std::max(epoch_known, epoch.value_or(0)); }
};

struct NewRun {
  std::string run_id;
  ChannelIndex channel = 0;
  RunAudience audience = {};
  std::string tenant_id = {};
  std::string thread_id = {};
  RunFormat format = RunFormat::text;
  std::string metadata = {};
  size_t bytes_max = 0;     // 0: RunLimits::run_bytes
  Duration retention = 0s;  // 0: RunLimits::retention
  bool push = false;
  std::string asked_by = {};  // account of an anonymous client
  // Scope and id of the client's message that asks for it, as in AgentMessage::dedupe_key: while a run is
  // open there is no second one that was asked for as the same. Empty: none.
  std::string asked_as = {};
  std::optional<RunClaim> claim = {};  // absent: a client's; it is queued
  std::optional<OpenSpan> span = {};   // kept; absent: it is not traced
  // Of an ag_ui one, whose log begins with them: the run's id as its client knows it (empty: run_id), and
  // what the client had before, a JSON list of messages (empty: it is not known).
  std::string client_run_id = {};
  std::string messages = {};
};

inline uint64_t bytes_max_of(const NewRun& run, const RunLimits& limits) {
  return run.bytes_max == 0 ? limits.run_bytes : std::min(run.bytes_max, limits.run_bytes);
}

struct RunAppend {
  std::string producer;
  uint32_t epoch = 0;
  uint64_t seq = 0;
  std::string bytes = {};  // text, or items a line each; empty: only an end
  // What `bytes` are; absent: there are none. Not the run's own: invalid_argument, after fenced. A framed run
  // takes text and items.
  std::optional<RunFormat> format = {};
  std::optional<RunEnd> end = {};
  bool any_producer = false;  // scope runs:admin
};

struct RunHeartbeat {
  std::string producer;
  uint32_t epoch = 0;
};

// --- And what they are answered --------------------------------------------------------------------------

struct RunTop {
  RunStatus status = RunStatus::queued;
  uint32_t epoch = 0;
  uint64_t pos = 0;
  RunHash hash;
  friend bool operator==(const RunTop&, const RunTop&) = default;
};
RunTop top_of(const Run& run);

enum class RunErrc : uint8_t {
  invalid_argument,
  not_found,  // or out of the caller's reach
  forbidden,
  exists,
  held,  // retry_after
  moved,
  ended,
  fenced,        // epoch
  sequence_gap,  // expected_seq
  sequence_conflict,
  mixed_framing,  // text and items in one attempt of a framed run
  too_large,
  rate_limited,        // retry_after
  too_many_runs,       // a bound of the user's own
  resource_exhausted,  // a bound of the instance or the realm
  unavailable,         // the engine; what was asked may have been done
};
std::string_view to_string(RunErrc code);  // as the API writes it: "run_not_found", "sequence_gap"

struct RunRefusal {
  RunErrc code = RunErrc::unavailable;
  std::string detail = {};
  std::optional<RunTop> run = {};
  uint64_t expected_seq = 0;
  uint32_t epoch = 0;
  Duration retry_after = {};
};
[[noreturn]] void throw_exception_from_error(const RunRefusal& refusal, const boost::source_location& where);

template <class T>
using RunResult = boost::system::result<T, RunRefusal>;
template <class T>
using RunDone = std::function<void(RunResult<T>)>;

struct RunClaimed {
  uint32_t epoch = 0;
  uint64_t pos = 0;
  RunHash hash;
  Duration lease{};
  RunStatus status = RunStatus::in_progress;
  bool repeated = false;  // the same claim again: nothing was done
  friend bool operator==(const RunClaimed&, const RunClaimed&) = default;
};
struct RunCreated {
  bool existed = false;               // the same run_id and token again, or asked_as
  std::string run_id = {};            // of asked_as: the open run's; else empty
  std::optional<RunClaimed> claimed;  // absent: it is queued
};
struct RunAppended {
  bool duplicate = false;
  uint64_t seq = 0;
  uint64_t pos = 0;
  RunHash hash;
  RunStatus status = RunStatus::in_progress;
  bool cancel_requested = false;
  friend bool operator==(const RunAppended&, const RunAppended&) = default;
};
struct RunBeat {
  RunStatus status = RunStatus::in_progress;
  uint64_t pos = 0;
  RunHash hash;
  bool cancel_requested = false;
  Duration lease{};
  friend bool operator==(const RunBeat&, const RunBeat&) = default;
};
enum class RunCancelled : uint8_t { asked, already, ended };
std::string_view to_string(RunCancelled cancelled);

// --- What readers hear -----------------------------------------------------------------------------------

struct RunChange {
  enum class Kind : uint8_t {
    append,    // `bytes` stand at `from`
    epoch,     // `epoch` has begun and keeps `from` bytes
    cancel,    // somebody asked for its end
    end,       // it is over; `bytes` stand at `from`, or none
    reloaded,  // the engine came back with other data: readers compare what they have
    removed,   // it is gone
  };
  Kind kind = Kind::append;
  uint32_t epoch = 0;
  uint64_t from = 0;
  std::string bytes = {};
  friend bool operator==(const RunChange&, const RunChange&) = default;
};

}  // namespace gw
