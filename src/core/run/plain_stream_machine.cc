#include "core/run/plain_stream_machine.h"

#include <algorithm>
#include <utility>

namespace gw::plain_stream {
namespace {

WallTime after(WallTime time, Duration duration) {
  return time + std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

PlainStream& stream_of(Run& run) { return run.record.rare.make().stream.make(); }

StreamRefusal refuse(const Run& run, StreamErrc code, std::string detail) {
  StreamRefusal refusal;
  refusal.code = code;
  refusal.detail = std::move(detail);
  refusal.top = stream_top(run);
  return refusal;
}

const StreamProducer* find(const PlainStream& stream, std::string_view id) {
  const auto found = std::find_if(stream.producers.begin(), stream.producers.end(),
                                  [id](const StreamProducer& producer) { return producer.id == id; });
  return found == stream.producers.end() ? nullptr : &*found;
}

StreamAppended appended(const Run& run, bool duplicate, uint64_t seq) {
  return {duplicate, stream_top(run), seq};
}

// An older epoch, and what was stored before.
std::optional<StreamResult<StreamAppended>> answer_to_batch(const Run& run, const StreamAppend& append) {
  const PlainStream& stream = *run.record.rare->stream;
  const StreamBatch& batch = *append.batch;
  const StreamProducer* const known = find(stream, batch.producer);
  if (stream.closed_by == batch) return appended(run, true, batch.seq);
  if (!known || batch.epoch > known->epoch) return {};
  if (batch.epoch < known->epoch) {
    StreamRefusal refusal = refuse(run, StreamErrc::fenced, "this producer has written with a later epoch");
    refusal.epoch = known->epoch;
    return refusal;
  }
  if (batch.seq >= known->next) return {};
  const bool is_it =
      known->has(batch.seq) && known->digests[batch.seq % StreamLimits::kBatches] == digest_of(append);
  if (is_it) return appended(run, true, known->next - 1);
  return refuse(run, StreamErrc::sequence_conflict, "that seq was used with other bytes, or long ago");
}

// Of one that was not stored before.
std::optional<StreamRefusal> refuse_batch(const Run& run, const StreamBatch& batch) {
  const StreamProducer* const known = find(*run.record.rare->stream, batch.producer);
  const bool is_new_epoch = known && batch.epoch > known->epoch;
  if (is_new_epoch && batch.seq != 0)
    return refuse(run, StreamErrc::invalid_argument, "a new Producer-Epoch begins with Producer-Seq 0");
  const uint64_t next = known && !is_new_epoch ? known->next : 0;
  if (batch.seq == next) return {};
  StreamRefusal refusal = refuse(run, StreamErrc::sequence_gap, "batches before this one are missing");
  refusal.expected_seq = next;
  return refusal;
}

// Who wrote last is last, and who has been silent for longest gives way.
void remember(PlainStream& stream, const StreamAppend& append) {
  const StreamBatch& batch = *append.batch;
  auto& producers = stream.producers;
  StreamProducer producer{batch.producer, batch.epoch, 0, {}};
  if (const StreamProducer* const known = find(stream, batch.producer)) {
    if (known->epoch == batch.epoch) producer = *known;
    producers.erase(producers.begin() + (known - producers.data()));
  } else if (producers.size() >= StreamLimits::kProducers) {
    producers.erase(producers.begin());
  }
  producer.next = batch.seq + 1;
  producer.digests[batch.seq % StreamLimits::kBatches] = digest_of(append);
  producers.push_back(std::move(producer));
}

}  // namespace

StreamTop stream_top(const Run& run) { return {run.log.size(), run.log.hash(), is_over(run.record.status)}; }

StreamDigest digest_of(const StreamAppend& append) {
  const Digest whole = sha256(append.close ? append.bytes + "\1" : append.bytes + std::string(1, '\0'));
  StreamDigest digest;
  std::copy_n(whole.begin(), digest.size(), digest.begin());
  return digest;
}

Run make(const NewStream& asked, const RunLimits& limits, WallTime now) {
  Run run;
  RunRecord& record = run.record;
  record.run_id = asked.id;
  record.audience.kind = RunAudience::Kind::channel;  // nobody's in particular
  record.tenant_id = asked.tenant_id;
  record.realm = asked.realm;
  record.is_realms = !asked.realm.empty();
  record.format = stream_kind_of(asked.content_type) == StreamKind::json ? RunFormat::json : RunFormat::text;
  record.status = asked.closed ? RunStatus::completed : RunStatus::in_progress;
  record.bytes_max = limits.run_bytes;
  record.created_at = record.last_byte_at = record.ended_at = now;
  PlainStream& stream = stream_of(run);
  stream.content_type = asked.content_type;
  stream.ttl = asked.ttl;
  stream.is_fixed = asked.expires_at.has_value();
  stream.expires_at = asked.expires_at.value_or(after(now, stream.life()));
  run.log.append(asked.bytes);
  return run;
}

bool is_same(const Run& run, const NewStream& asked) {
  if (!run.record.rare->stream) return false;
  const PlainStream& stream = *run.record.rare->stream;
  const bool is_kept_alike =
      stream.is_fixed ? asked.expires_at == stream.expires_at : !asked.expires_at && stream.ttl == asked.ttl;
  return is_kept_alike && media_type_of(stream.content_type) == media_type_of(asked.content_type) &&
         is_over(run.record.status) == asked.closed;
}

std::optional<StreamResult<StreamAppended>> answer_without_storing(const Run& run,
                                                                   const StreamAppend& append) {
  const PlainStream& stream = *run.record.rare->stream;
  if (!append.bytes.empty() && append.media_type != media_type_of(stream.content_type))
    return refuse(run, StreamErrc::content_type, "the stream has another Content-Type");
  if (append.batch) {
    if (auto answer = answer_to_batch(run, append)) return answer;
  }
  if (is_over(run.record.status)) {
    if (append.bytes.empty() && !append.batch) return appended(run, true, 0);
    return refuse(run, StreamErrc::closed, "the stream is closed");
  }
  if (append.batch) {
    if (auto refused = refuse_batch(run, *append.batch)) return *refused;
  }
  if (!append.seq.empty() && append.seq <= stream.last_seq)
    return refuse(run, StreamErrc::out_of_order, "Stream-Seq must be behind the last one");
  if (run.log.size() + append.bytes.size() > run.record.bytes_max)
    return refuse(run, StreamErrc::too_large, "the stream would be too large");
  return {};
}

StreamResult<StreamAppended> append(Run& run, const StreamAppend& append, WallTime now,
                                    run::Changes& changes) {
  if (const auto answer = answer_without_storing(run, append)) return *answer;
  RunRecord& record = run.record;
  PlainStream& stream = stream_of(run);
  const uint64_t from = run.log.size();
  run.log.append(append.bytes);
  if (!append.bytes.empty()) record.last_byte_at = now;
  if (!append.seq.empty()) stream.last_seq = append.seq;
  if (append.batch) remember(stream, append);
  if (append.close) {
    record.status = RunStatus::completed;
    record.ended_at = now;
    stream.closed_by = append.batch;
  }
  touch(run, now);
  changes.push_back(
      {append.close ? RunChange::Kind::end : RunChange::Kind::append, record.epoch, from, append.bytes});
  return appended(run, false, append.batch ? append.batch->seq : 0);
}

RunResume resume(const RunLog& log, const std::optional<RunCursor>& cursor) {
  using Kind = RunResume::Kind;
  if (!cursor) return {Kind::fresh, 0};
  if (cursor->epoch > 0 || cursor->pos > log.size()) return {Kind::ahead, 0};
  const bool is_known = !log.is_expired() || cursor->pos == log.size();
  if (!is_known || log.hash_at(cursor->pos) != cursor->hash) return {Kind::diverged, 0};
  return {Kind::fits, cursor->pos};
}

RunResume resume_at_tail(const RunTop& top, const RunCursor& cursor, std::string_view tail) {
  using Kind = RunResume::Kind;
  if (cursor.epoch > 0 || cursor.pos > top.pos) return {Kind::ahead, 0};
  const bool fits = cursor.pos + tail.size() == top.pos && cursor.hash.then(tail) == top.hash;
  return fits ? RunResume{Kind::fits, cursor.pos} : RunResume{Kind::diverged, 0};
}

void touch(Run& run, WallTime now) {
  PlainStream& stream = stream_of(run);
  if (!stream.is_fixed) stream.expires_at = after(now, stream.life());
}

}  // namespace gw::plain_stream
