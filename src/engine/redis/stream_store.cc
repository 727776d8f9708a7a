#include "engine/redis/stream_store.h"

#include "core/run/plain_stream_machine.h"
#include "engine/redis/run_refusals.h"

namespace gw::redis {
namespace {

constexpr int kPutTriesMax = 3;
// Long after the answer, if one comes.
constexpr Duration kLookAgainAfter = 1s;

}  // namespace

StreamStore::StreamStore(const Parts& parts)
    : parts_(parts),
      calls_(parts.places, parts.index),
      appends_({parts.loop, calls_, parts.index,
                [&calls = parts.calls](const std::vector<std::string>& ids) { calls.expire(ids); }},
               parts.calls.options().limits) {}

// --- Making one -------------------------------------------------------------------------------------------

void StreamStore::put_stream(NewStream stream, StreamDone<StreamMade> done) {
  if (stream.bytes.size() > parts_.calls.options().limits.run_bytes)
    return done(refuse_stream(StreamErrc::too_large, "the stream would be too large"));
  const auto making = std::make_shared<Making>();
  making->stream = std::move(stream);
  making->done = std::move(done);
  begin(making);
}

void StreamStore::begin(const Ptr& making) {
  making->bounds = parts_.index.bounds_of({}, making->stream.realm);
  making->bounds.push_back(parts_.index.of_all());
  making->is_new.assign(making->bounds.size(), false);
  making->waits = making->bounds.size();
  for (size_t i = 0; i < making->bounds.size(); ++i)
    parts_.index.count(
        making->stream.id, making->bounds[i],
        [this, making, i](const Result<RunIndex::Counted>& counted) { on_counted(making, i, counted); });
}

void StreamStore::on_counted(const Ptr& making, size_t i, const Result<RunIndex::Counted>& counted) {
  const RunBound& bound = making->bounds[i];
  if (!counted) {
    making->refusal = stream_unavailable(counted.error());
    return on_waited(making);
  }
  parts_.removals.remove(counted->over);
  making->is_new[i] = counted->is_new;
  if (counted->is_full) making->refusal = refuse_stream(StreamErrc::resource_exhausted, bound.detail);
  const bool has_room = !counted->is_new || bound.bytes_most == 0;
  if (has_room) return on_waited(making);
  parts_.index.reserve(making->stream.id, bound, making->stream.bytes.size() + 1,
                       [this, making](const Result<RunIndex::Reserved>& reserved) {
                         if (!reserved) {
                           making->refusal = stream_unavailable(reserved.error());
                         } else if (reserved->bytes == 0) {
                           making->refusal =
                               refuse_stream(StreamErrc::resource_exhausted,
                                             "the streams and runs have all the bytes that they may");
                         }
                         if (reserved) parts_.calls.expire(reserved->expired);
                         on_waited(making);
                       });
}

void StreamStore::on_waited(const Ptr& making) {
  if (--making->waits > 0) return;
  if (!making->refusal) return write(making);
  // What is there already costs nothing.
  uncount(*making);
  compare(making);
}

void StreamStore::write(const Ptr& making) {
  parts_.index.look_by(making->stream.id, kLookAgainAfter);
  calls_.put(making->stream, parts_.calls.options().limits.run_bytes,
             [this, making](const Result<StreamAnswer>& answer) { on_written(making, answer); });
}

void StreamStore::on_written(const Ptr& making, const Result<StreamAnswer>& answer) {
  const NewStream& stream = making->stream;
  // It may be there; then it is found when it is due.
  if (!answer) return making->done(stream_unavailable(answer.error()));
  // What was counted may be for that one, if both were asked for at once: else it counts for kHold.
  if (answer->code() == "exists") return compare(making);
  if (answer->code() == "removed" && ++making->tries < kPutTriesMax) return write_again(making);
  if (answer->code() != "made") {
    uncount(*making);
    return making->done(answer->refusal());
  }
  const std::chrono::milliseconds left(answer->number(0));
  if (stream.closed) {
    parts_.index.closed(stream.id, stream.realm, stream.bytes.size(), left);
  } else {
    parts_.index.kept_on(stream.id, stream.realm, left);
  }
  making->done(StreamMade{false, stream.content_type, answer->top()});
}

// There is something of that name, or no room for it.
void StreamStore::compare(const Ptr& making) {
  parts_.calls.read(making->stream.id, kNoLog, [making](const RunResult<StoredRun>& stored) {
    const NewStream& asked = making->stream;
    if (!stored && making->refusal) return making->done(*making->refusal);
    if (!stored) return making->done(refuse_stream(StreamErrc::unavailable, "say it again"));
    Run run;
    run.record = stored->record;
    const RunReach reach{ChannelSet::all(), asked.tenant_id, asked.realm, true};
    if (!reaches(reach, run.record) || !plain_stream::is_same(run, asked))
      return making->done(refuse_stream(StreamErrc::exists, "there is another stream or a run of that name"));
    const RunTop top = top_of(*stored);
    making->done(
        StreamMade{true, run.record.rare->stream->content_type, {top.pos, top.hash, is_over(top.status)}});
  });
}

// One of that name has gone: what it counted for is undone first, and this one counted anew.
void StreamStore::write_again(const Ptr& making) {
  parts_.calls.settle(making->stream.id, {}, RunCalls::Settle::time, {},
                      [this, making](const Result<RunAnswer>& answer) {
                        if (answer && answer->code() == "removed")
                          parts_.index.removed(making->stream.id, answer->counted(0));
                        begin(making);
                      });
}

void StreamStore::uncount(const Making& making) {
  for (size_t i = 0; i < making.bounds.size(); ++i) {
    if (making.is_new[i]) parts_.index.uncount(making.stream.id, making.bounds[i].whom, 0ms);
  }
}

// --- What is asked of them --------------------------------------------------------------------------------

void StreamStore::append_stream(const RunTail& known, const RunReach& reach, StreamAppend append,
                                StreamDone<StreamAppended> done) {
  RunReach with_streams = reach;
  with_streams.streams = true;
  if (!known.record.rare->stream || !reaches(with_streams, known.record))
    return done(refuse_stream(StreamErrc::not_found, "no such stream"));
  if (parts_.places.of(known.record.run_id).messages.is_full())
    return done(refuse_stream(StreamErrc::unavailable, "Redis takes no more now"));
  appends_.append(known, std::move(append), std::move(done));
}

void StreamStore::remove_stream(const std::string& id, const RunReach& reach, StreamDone<void> done) {
  // First: the entry has to be there when the record goes.
  parts_.index.look_by(id, kLookAgainAfter);
  calls_.remove(id, reach, [this, id, done = std::move(done)](const Result<StreamAnswer>& answer) {
    if (!answer) return done(stream_unavailable(answer.error()));
    if (answer->code() != "removed") return done(answer->refusal());
    parts_.calls.settle(id, {}, RunCalls::Settle::time, {}, [this, id](const Result<RunAnswer>& left) {
      if (!left || left->code() != "removed") return;
      parts_.index.removed(id, left->counted(0));
      // One that was made of that name meanwhile counts again then.
      parts_.index.look_by(id, kLookAgainAfter);
    });
    done({});
  });
}

void StreamStore::touch_stream(const RunRecord& record) {
  if (record.rare->stream && !record.rare->stream->is_fixed) calls_.touch(std::string(record.run_id));
}

}  // namespace gw::redis
