// What becomes of a run when somebody asks, or time passes: pure, with the engine's time as an argument. The
// memory engine runs it; the scripts of Redis (engine/redis/run_scripts.cc) do the same in Lua, and the same
// random histories are held against both (engine/contract_runs_history_test.cc).
//
// Each takes a run that exists, changes it or refuses and leaves it as it was, and appends to `changes` what
// readers hear, in order.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/run/framing.h"
#include "core/run/run.h"

namespace gw::run {

using Changes = std::vector<RunChange>;

// Not claimed yet, whatever new_run.claim says.
Run make(const NewRun& new_run, const RunLimits& limits, WallTime now);

// What tells a repeated claim from another: of all that its maker says, without `epoch_known` and `realm`.
Digest digest_of(const RunClaim& claim);
// The same of a batch: its bytes and its end.
SeqDigest digest_of(const RunAppend& append);

// Looked at in this order: a token shown before (the last claim's with the same body: the first answer again,
// else moved), ended, held, moved (an old epoch; keep beyond the log or inside a character or line). The
// last epoch is the gateway's: who would get it finds the run ended (failed, too_many_claims). A framed log
// is never cut: what is no cut to nothing is invalid_argument, before all of these, and that one begins
// another attempt (too_large where it has no room, after all of them).
RunResult<RunClaimed> claim(Run& run, const RunClaim& claim, Duration ack_wait, WallTime now,
                            Changes& changes);
// What the last claim was answered, for whoever shows its token again.
RunClaimed claim_again(const Run& run);
inline constexpr const char* kNoCut =
    "a run of this format is never cut: keep must be \"all\", or 0 for another attempt";
// Checked in this order: producer and the epoch of the last claim (fenced), format and kind of end
// (invalid_argument), duplicate or conflict, ended, gap (sequence_gap), framing (mixed_framing,
// invalid_argument), size (too_large). The rate is the store's. Takes time for no decision: until settle()
// has ended it, an owner whose lease has lapsed may go on.
RunResult<RunAppended> append(Run& run, const RunAppend& append, WallTime now, Changes& changes);
// The last batches of the last claim that were stored.
std::vector<RunReceipt> receipts(const Run& run);
// Gives the bytes of its log back; its last batches are still known.
void expire(Run& run);
// What append() would answer without storing anything; empty: it would store it, framed where it has to be.
std::optional<RunResult<RunAppended>> answer_without_storing(const Run& run, const RunAppend& append);
// The rest of append(), for a store that has bounds of its own in between: how a framed run's log gets it
// (absent: the log is not framed), and the storing.
RunResult<std::optional<FramedBatch>> frame(const Run& run, const RunAppend& append);
RunAppended store(Run& run, const RunAppend& append, std::optional<FramedBatch> framed, WallTime now,
                  Changes& changes);
// Renews the lease. fenced, ended.
RunResult<RunBeat> heartbeat(Run& run, const RunHeartbeat& heartbeat, WallTime now);
// Queued, or its owner lost: over at once. `grace` as in RunLimits.
RunCancelled cancel(Run& run, std::string_view reason, WallTime now, Changes& changes);
// What time has decided, the first of these that holds: cancel grace (cancelled), start timeout (abandoned,
// no_agent), lease and takeover (abandoned, agent_lost), life (failed, deadline). Nothing before due().
void settle(Run& run, Duration cancel_grace, WallTime now, Changes& changes);
// When settle() has to look next: for one that is over, when it may be forgotten.
WallTime due(const RunRecord& record, Duration cancel_grace);
// The engine slept until `now`, or its clock jumped there: whoever held a lease, waits for a start, or is
// asked to end, has the whole time again.
void grace(Run& run, const RunLimits& limits, WallTime now);
// By the gateway, whoever owns it: `error.code` says why (gateway_stopped, deadline, ...).
void end(Run& run, RunStatus status, RunError error, WallTime now, Changes& changes);

// The owner's lease has lapsed, but it may be claimed.
bool is_owner_lost(const RunRecord& record, WallTime now);
// May `viewer` read it? And cancel it, unless its audience is a channel's: those are cancelled by keys only.
// Plain streams are for keys alone.
bool may_see(const RunAudience& audience, ChannelIndex channel, const RunViewer& viewer);
inline bool may_see(const RunRecord& record, const RunViewer& viewer) {
  return !record.rare->stream && may_see(record.audience, record.channel, viewer);
}

}  // namespace gw::run
