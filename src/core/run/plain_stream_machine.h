// What becomes of a plain stream when somebody asks, or time passes: pure, with the engine's time as an
// argument. The memory engine runs it; the scripts of Redis (engine/redis/stream_scripts.cc) do the same in
// Lua.
#pragma once

#include <optional>
#include <string_view>

#include "core/run/plain_stream.h"
#include "core/run/run_machine.h"

namespace gw::plain_stream {

Run make(const NewStream& stream, const RunLimits& limits, WallTime now);
// Whether who asks for `stream` may take what there is for it.
bool is_same(const Run& run, const NewStream& stream);
StreamTop stream_top(const Run& run);
StreamDigest digest_of(const StreamAppend& append);

// Checked in this order: media type, epoch (fenced), duplicate or conflict, closed, the first seq of an epoch
// (invalid_argument), gap, Stream-Seq, size. What closed the stream is a duplicate whatever its bytes say.
StreamResult<StreamAppended> append(Run& run, const StreamAppend& append, WallTime now,
                                    run::Changes& changes);
// What append() would answer without storing anything; empty: it would store it.
std::optional<StreamResult<StreamAppended>> answer_without_storing(const Run& run,
                                                                   const StreamAppend& append);

// As RunLog::resume() and resume_at_tail(); but its batches may end within a character.
RunResume resume(const RunLog& log, const std::optional<RunCursor>& cursor);
RunResume resume_at_tail(const RunTop& top, const RunCursor& cursor, std::string_view tail);

// Somebody uses it: its TTL begins anew.
void touch(Run& run, WallTime now);
// When it is gone.
inline WallTime due(const RunRecord& record) { return record.rare->stream->expires_at; }

}  // namespace gw::plain_stream
