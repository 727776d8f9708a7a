// Plain streams among the runs: the same names, counts and readers.
#include "core/run/plain_stream_machine.h"
#include "engine/memory/run_store.h"

namespace gw::memory {
namespace {

StreamRefusal refuse(StreamErrc code, std::string detail) {
  StreamRefusal refusal;
  refusal.code = code;
  refusal.detail = std::move(detail);
  return refusal;
}

// A bound of the store, said of a stream.
StreamRefusal refuse(const RunRefusal& bound) {
  StreamRefusal refusal = refuse(StreamErrc::resource_exhausted, bound.detail);
  refusal.retry_after = bound.retry_after;
  return refusal;
}

}  // namespace

RunStore::Ptr RunStore::look_up_stream(const std::string& id, const RunReach& reach) const {
  const Ptr kept = look_up(id);
  if (!kept || !kept->run.record.rare->stream) return nullptr;
  RunReach with_streams = reach;
  with_streams.streams = true;
  return reaches(with_streams, kept->run.record) ? kept : nullptr;
}

void RunStore::put_stream(NewStream asked, StreamDone<StreamMade> done) {
  const WallTime now = wake();
  if (const Ptr kept = look_up(asked.id)) {
    const RunReach reach{ChannelSet::all(), asked.tenant_id, asked.realm};
    if (!look_up_stream(asked.id, reach) || !plain_stream::is_same(kept->run, asked))
      return done(refuse(StreamErrc::exists, "there is another stream or a run of that name"));
    return done(
        StreamMade{true, kept->run.record.rare->stream->content_type, plain_stream::stream_top(kept->run)});
  }
  if (const auto refusal = refuse_new_stream(asked)) return done(*refusal);
  Run run = plain_stream::make(asked, options_.limits, now);
  const StreamMade made{false, asked.content_type, plain_stream::stream_top(run)};
  const NewRun named{.run_id = asked.id, .audience = run.record.audience};
  insert(named, std::move(run), {});
  done(made);
}

std::optional<StreamRefusal> RunStore::refuse_new_stream(const NewStream& asked) {
  if (stopped_) return refuse(StreamErrc::unavailable, "the gateway stops");
  if (asked.bytes.size() > options_.limits.run_bytes)
    return refuse(StreamErrc::too_large, "the stream would be too large");
  Joining owners;
  owners.realm = asked.realm;
  if (const auto refusal = refuse_open(owners)) return refuse(*refusal);
  if (const auto refusal = make_place(owners)) return refuse(*refusal);
  if (const auto refusal = make_room(bounds_of(owners), asked.bytes.size() + 1)) return refuse(*refusal);
  return {};
}

void RunStore::append_stream(const RunTail& known, const RunReach& reach, StreamAppend append,
                             StreamDone<StreamAppended> done) {
  const WallTime now = wake();
  const Ptr kept = look_up_stream(std::string(known.record.run_id), reach);
  if (!kept) return done(refuse(StreamErrc::not_found, "no such stream"));
  if (const auto answer = plain_stream::answer_without_storing(kept->run, append)) {
    if (*answer) ++stats_.duplicates_total;
    return done(*answer);
  }
  if (!kept->appends.ready(appends_limit_, loop_.now())) {
    StreamRefusal refusal = refuse(StreamErrc::rate_limited, "the stream has too many appends a second");
    refusal.retry_after = kept->appends.ready_at(appends_limit_) - loop_.now();
    return done(refusal);
  }
  if (const auto refusal = make_room(bounds_of(kept->owners), append.bytes.size()))
    return done(refuse(*refusal));
  kept->appends.take(appends_limit_, loop_.now());
  run::Changes changes;
  const auto appended = plain_stream::append(kept->run, append, now, changes);
  ++stats_.appends_total;
  stats_.appended_bytes_total += append.bytes.size();
  changed(kept, std::move(changes));
  done(appended);
}

void RunStore::remove_stream(const std::string& id, const RunReach& reach, StreamDone<void> done) {
  wake();
  const Ptr kept = look_up_stream(id, reach);
  if (!kept) return done(refuse(StreamErrc::not_found, "no such stream"));
  drop(kept);
  done({});
}

void RunStore::touch_stream(const RunRecord& record) {
  if (const Ptr kept = look_up_stream(std::string(record.run_id), {}))
    plain_stream::touch(kept->run, loop_.wall_now());
}

}  // namespace gw::memory
