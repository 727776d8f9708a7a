#include "core/run_messages.h"

#include <algorithm>

#include "base/assert.h"
#include "core/run/run_machine.h"
#include "protocol/run_message.h"

namespace gw {
namespace {

using Kind = RunResume::Kind;

RunCursor cursor_at(const Run& run, uint64_t pos) { return {run.record.epoch, pos, run.log.hash_at(pos)}; }

std::string_view cause_of_snapshot(Kind kind) {
  switch (kind) {
    case Kind::diverged: return "diverged";
    case Kind::ahead: return "ahead";
    default: return "attach";
  }
}

// Where the piece that begins at `from` ends. Lines stay whole as long as that is possible.
uint64_t end_of_piece(const Run& run, uint64_t from, uint64_t to, const RunPieces& pieces) {
  const bool lines = has_lines(run.record.format);
  uint64_t end = run.log.piece_end(from, std::min(to, from + pieces.piece_bytes), lines);
  if (lines && end > from && !run.log.ends_line(end)) {
    const auto line = run.log.line_end(end);
    if (line && *line <= to && *line - from <= pieces.line_bytes) end = *line;
  }
  ASSERT(end > from);
  return end;
}

}  // namespace

std::string_view cause_of_reset(const RunRecord& run, bool cut) {
  if (cut) return "superseded";
  return run.epoch > run.claim_epoch && is_over(run.status) ? "ended" : "claimed";
}

// A telling while it is made: where its reader is by now, and what the first message repeats.
struct RunMessages::Draft {
  const RunMessages& messages;
  const Run& run;
  const RunPieces& pieces;
  Now now;
  RunAsked asked = {};
  uint64_t pos = 0;
  uint64_t told = 0;  // bytes of text
  RunTelling telling = {};

  protocol::RunHead take_head() {
    const RunAsked first = std::exchange(asked, {});
    return {run.record.run_id, first.id, first.thread_id};
  }

  void snapshot(Kind kind) {
    const RunRecord& record = run.record;
    pos = run.log.size() == 0 ? 0 : end_of_piece(run, 0, run.log.size(), pieces);
    told = pos;
    const RunCursor after = cursor_at(run, pos);
    const std::string hash = after.hash.text();
    std::string json, room;
    protocol::append_run_snapshot(
        json, take_head(), {after.epoch, pos, hash},
        {record.thread_id, messages.channels_.name(record.channel), to_string(record.format),
         to_string(record.status), cause_of_snapshot(kind), run.log.view(0, pos, room)},
        now.wall);
    telling.messages.push_back({std::move(json), after});
  }

  void reset(uint64_t had) {
    const RunCursor after = cursor_at(run, pos);
    const std::string hash = after.hash.text();
    std::string json;
    protocol::append_run_reset(json, take_head(), {after.epoch, pos, hash},
                               cause_of_reset(run.record, pos < had), now.wall);
    telling.messages.push_back({std::move(json), after});
  }

  void top() {
    telling.messages.push_back({messages.top(run, std::exchange(asked, {}), now), cursor_at(run, pos)});
  }

  // From pos on, as much as one telling holds; then the end.
  RunTelling rest() {
    while (pos < run.log.size() && told < pieces.bytes) {
      const uint64_t from = std::exchange(pos, end_of_piece(run, pos, run.log.size(), pieces));
      const RunCursor after = cursor_at(run, pos);
      const std::string hash = after.hash.text();
      std::string json, room;
      protocol::append_run_delta(json, take_head(), {after.epoch, pos, hash}, from,
                                 run.log.view(from, pos, room), now.wall);
      telling.messages.push_back({std::move(json), after});
      told += pos - from;
    }
    telling.whole = pos == run.log.size();
    if (telling.whole && is_over(run.record.status)) end();
    return std::move(telling);
  }

  void end() {
    const RunRecord& record = run.record;
    const RunCursor after = cursor_at(run, run.log.size());
    const std::string hash = after.hash.text();
    protocol::RunEndOf over{to_string(record.status), {}, {}, record.rare->result};
    if (record.rare->error) {
      over.error_code = record.rare->error->code;
      over.error_message = record.rare->error->message;
    }
    std::string json;
    protocol::append_run_end(json, take_head(), {after.epoch, after.pos, hash}, over, now.wall);
    telling.messages.push_back({std::move(json), after, true});
  }
};

RunTelling RunMessages::answer(const Run& run, const std::optional<RunCursor>& cursor, const RunAsked& asked,
                               const RunPieces& pieces, Now now) const {
  Draft draft{*this, run, pieces, now, asked};
  // Nobody has its text any more.
  if (run.log.is_expired()) {
    draft.end();
    return std::move(draft.telling);
  }
  const RunResume resume = run.log.resume(cursor);
  draft.pos = resume.pos;
  switch (resume.kind) {
    case Kind::fits:
      if (resume.pos == run.log.size()) draft.top();
      break;
    case Kind::reset: draft.reset(cursor->pos); break;
    case Kind::diverged:
    case Kind::ahead:
    case Kind::fresh: draft.snapshot(resume.kind); break;
  }
  return draft.rest();
}

RunTelling RunMessages::begin(const Run& run, const RunPieces& pieces, Now now) const {
  Draft draft{*this, run, pieces, now};
  if (run.log.is_expired()) {
    draft.end();
    return std::move(draft.telling);
  }
  draft.top();
  // Who asked is at the start of epoch 0, and an agent may have claimed the run before this is said.
  if (run.record.epoch > 0) {
    draft.telling.messages.back().after = {};
    draft.reset(0);
  }
  return draft.rest();
}

RunTelling RunMessages::catch_up(const Run& run, const RunCursor& place, const RunPieces& pieces,
                                 Now now) const {
  Draft draft{*this, run, pieces, now};
  if (run.log.is_expired()) {
    draft.end();
    return std::move(draft.telling);
  }
  const RunResume resume = run.log.resume(place);
  draft.pos = resume.pos;
  if (resume.kind == Kind::reset) {
    draft.reset(place.pos);
  } else if (resume.kind != Kind::fits) {
    draft.snapshot(resume.kind);
  }
  return draft.rest();
}

RunTold RunMessages::delta(const Run& run, uint64_t from, uint64_t to, const RunPieces& pieces,
                           WallTime wall) const {
  ASSERT(from < to && to <= run.log.size());
  const uint64_t end = end_of_piece(run, from, to, pieces);
  const RunCursor after = cursor_at(run, end);
  const std::string hash = after.hash.text();
  RunTold told{{}, after};
  std::string room;
  protocol::append_run_delta(told.json, {run.record.run_id}, {after.epoch, end, hash}, from,
                             run.log.view(from, end, room), wall);
  return told;
}

RunTold RunMessages::reset(const Run& run, uint64_t pos, uint64_t had, WallTime wall) const {
  Draft draft{*this, run, {}, {wall, wall}};
  draft.pos = pos;
  draft.reset(had);
  return std::move(draft.telling.messages.front());
}

RunTold RunMessages::end(const Run& run, WallTime wall) const {
  Draft draft{*this, run, {}, {wall, wall}};
  draft.end();
  return std::move(draft.telling.messages.front());
}

std::string RunMessages::top(const Run& run, Now now) const { return top(run, {}, now); }

std::string RunMessages::top(const Run& run, const RunAsked& asked, Now now) const {
  const RunRecord& record = run.record;
  const std::string hash = run.log.hash().text();
  const bool owned = record.status == RunStatus::in_progress;
  const std::string_view owner = !owned ? "none" : run::is_owner_lost(record, now.engine) ? "lost" : "live";
  const WallTime active = std::max(record.created_at, record.last_byte_at);
  std::string json;
  protocol::append_run_top(
      json, {record.run_id, asked.id, asked.thread_id}, {record.epoch, run.log.size(), hash},
      {to_string(record.status), owner, now.engine - active, record.cancel_requested}, now.wall);
  return json;
}

}  // namespace gw
