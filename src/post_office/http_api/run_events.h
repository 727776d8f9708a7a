// A run's log as Server-Sent Events in the words of Durable Streams: `data` with bytes of the log, `control`
// with where a reader goes on, and our own `reset`. Every `id:` is a cursor and stands once in a stream.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/run/run.h"

namespace gw::http_api {

inline constexpr std::string_view kEndSuffix = ".end";  // of the last event's id

// The log's bytes in lines, as SSE carries them (CR, LF and CRLF all come out as LF); whole items of json as
// one array; binary in base64. `after`: the place behind them.
void append_data_event(std::string& out, const RunCursor& after, StreamKind kind, std::string_view bytes);
// `stream_cursor`: of Durable Streams' caches. `up_to_date`: there is nothing more yet.
void append_control_event(std::string& out, const RunCursor& at, uint64_t stream_cursor, bool up_to_date);
// What the reader has beyond `to` is not in the log.
void append_reset_event(std::string& out, const RunCursor& to, std::string_view cause);
// The last one: the run is over, and the reader has all of it.
void append_end_event(std::string& out, const Run& run);

// Items as one JSON array.
std::string json_array(std::string_view lines);

// Where a reader goes on.
struct RunStart {
  uint64_t pos = 0;
  std::string_view reset_cause = {};  // empty: it is told nothing
  bool loses = false;                 // some of what it has is not in the log
};
// `cursor` absent: it has what no log of this run ever had.
RunStart resume_run(const Run& run, const std::optional<RunCursor>& cursor);
// The same where it is known how `cursor` stands in the log.
RunStart resumed_run(const RunRecord& run, const RunResume& resume, const std::optional<RunCursor>& cursor);

RunCursor cursor_at(const Run& run, uint64_t pos);

}  // namespace gw::http_api
