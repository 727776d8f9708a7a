#include "engine/redis/stream_appends.h"

#include <algorithm>

namespace gw::redis {
namespace {

constexpr Duration kKept = 120s;
// Another one may have its name by then.
constexpr Duration kLookAgainAfter = 1s;

}  // namespace

void StreamAppends::append(const RunTail& known, StreamAppend append, StreamDone<StreamAppended> done) {
  Ptr& open = open_[std::string(known.record.run_id)];
  // Another one of that name has other bytes to count for.
  const bool is_new = !open || open->record.created_at != known.record.created_at;
  if (is_new) {
    open = std::make_shared<Open>(limit_, parts_.loop.now());
    open->record = known.record;
  }
  open->heard_at = parts_.loop.now();
  open->pos = std::max(open->pos, known.top.pos);
  open->queue.push_back({std::move(append), std::move(done)});
  pump(Ptr(open));
}

void StreamAppends::tick(TimePoint now) {
  std::erase_if(open_, [now](const auto& one) {
    const Open& open = *one.second;
    return open.queue.empty() && open.sent == 0 && now - open.heard_at > kKept;
  });
}

void StreamAppends::pump(const Ptr& open) {
  while (!open->is_asking && !open->queue.empty()) {
    const uint64_t needed = open->pos + open->queue.front().append.bytes.size();
    const bool fits = open->record.realm.empty() || needed <= open->reserved;
    // Larger than the stream may be, or closed by now: the script says so.
    if (fits || needed > open->record.bytes_max || open->queue.front().append.bytes.empty()) {
      send(open);
    } else {
      reserve(open, needed);
    }
  }
}

void StreamAppends::reserve(const Ptr& open, uint64_t needed) {
  open->is_asking = true;
  const RunBound bound = parts_.index.of_realm(std::string(open->record.realm));
  parts_.index.reserve(std::string(open->record.run_id), bound, needed,
                       [this, open](const Result<RunIndex::Reserved>& reserved) {
                         open->is_asking = false;
                         Batch& first = open->queue.front();
                         if (!reserved) {
                           first.no_room = StreamErrc::unavailable;
                         } else if (reserved->bytes == 0) {
                           first.no_room = StreamErrc::resource_exhausted;
                         } else {
                           open->reserved = reserved->bytes;
                         }
                         if (reserved) parts_.expire(reserved->expired);
                         send(open);
                         pump(open);
                       });
}

void StreamAppends::send(const Ptr& open) {
  const auto batch = std::make_shared<const Batch>(std::move(open->queue.front()));
  open->queue.pop_front();
  ++open->sent;
  open->pos += batch->append.bytes.size();
  std::string_view refused;
  if (!open->rate.ready(limit_, parts_.loop.now())) refused = "rate_limited";
  if (batch->no_room) refused = to_string(*batch->no_room);
  parts_.calls.append(open->record, batch->append, refused,
                      [this, open, batch](const Result<StreamAnswer>& answer) {
                        --open->sent;
                        on_answer(open, *batch, answer);
                      });
}

void StreamAppends::on_answer(const Ptr& open, const Batch& batch, const Result<StreamAnswer>& answer) {
  if (!answer) return batch.done(stream_unavailable(answer.error()));
  const bool is_stored = answer->code() == "appended", is_duplicate = answer->code() == "duplicate";
  if (!is_stored) open->pos -= std::min<uint64_t>(open->pos, batch.append.bytes.size());
  if (!is_stored && !is_duplicate) {
    StreamRefusal refusal = answer->refusal();
    if (refusal.code == StreamErrc::rate_limited)
      refusal.retry_after = std::max<Duration>(open->rate.ready_at(limit_) - parts_.loop.now(), 1ms);
    return batch.done(refusal);
  }
  const StreamAppended appended{is_duplicate, answer->top(), answer->number(0)};
  if (open->sent == 0) open->pos = appended.top.pos;
  if (is_duplicate) {
    ++stats_.duplicates_total;
    return batch.done(appended);
  }
  ++stats_.appends_total;
  stats_.appended_bytes_total += batch.append.bytes.size();
  open->rate.take(limit_, parts_.loop.now());
  const std::string id(open->record.run_id);
  if (appended.top.is_closed) {
    parts_.index.closed(id, std::string(open->record.realm), appended.top.pos,
                        std::chrono::milliseconds(answer->number(1)));
    parts_.index.look_by(id, kLookAgainAfter);
  }
  batch.done(appended);
}

void StreamAppends::add_stats(RunStats& stats) const {
  stats.appends_total += stats_.appends_total;
  stats.appended_bytes_total += stats_.appended_bytes_total;
  stats.duplicates_total += stats_.duplicates_total;
}

}  // namespace gw::redis
