#include "core/message_log.h"

#include <algorithm>

namespace gw {
namespace {

// How far the clocks of two instances may be apart before a message is missed rather than given twice.
constexpr WallTime::duration kClockSkewMax = 1s;

}  // namespace

std::string_view to_string(LogGap gap) {
  switch (gap) {
    case LogGap::expired: return "expired";
    case LogGap::overflow: return "overflow";
    case LogGap::not_listening: return "not_listening";
    case LogGap::unknown_cursor: break;
  }
  return "unknown_cursor";
}

MessageLog::MessageLog(std::string epoch, const MessageLogLimits& limits, WallTime listening_since)
    : epoch_(std::move(epoch)), limits_(limits), listening_since_(listening_since) {}

bool MessageLog::append(std::string_view id, std::string_view envelope, TimePoint now, WallTime arrived) {
  const auto is_full = [&] {
    return entries_.size() >= limits_.messages_max || bytes_ + envelope.size() > limits_.bytes_max;
  };
  while (is_full() && !entries_.empty() && entries_.front().number < received_) drop_first();
  if (is_full() && !entries_.empty()) return false;
  entries_.push_back({next_++, std::string(id), std::make_shared<const std::string>(envelope), now, arrived});
  bytes_ += envelope.size();
  last_id_ = id;
  return true;
}

void MessageLog::lose(LogGap reason) {
  hole_ = next_++;
  hole_reason_ = reason;
}

size_t MessageLog::expire(TimePoint now) {
  size_t lost = 0;
  while (!entries_.empty() && entries_.front().since + limits_.age_max <= now) {
    lost += entries_.front().number >= received_ ? 1 : 0;
    drop_first();
  }
  return lost;
}

void MessageLog::drop_first() {
  dropped_ = entries_.front().number;
  bytes_ -= entries_.front().envelope->size();
  entries_.pop_front();
}

Result<MessageLog::Start> MessageLog::start(const std::optional<LogCursor>& cursor) {
  if (!cursor) return Start{std::max(received_, dropped_ + 1), {}, {}};
  const bool ours = cursor->next.epoch == epoch_;
  if (ours && cursor->next.number > next_)
    return Error{Errc::invalid_argument, "cursor is not one that this gateway has given"};
  const Start start = ours ? Start{cursor->next.number, {}, cursor->last_id} : start_elsewhere(*cursor);
  received_ = std::max(received_, start.next);
  return start;
}

// Instances on one Redis hear a channel's messages in the same order, so the message that a cursor ends with
// is a place in every log that has it.
MessageLog::Start MessageLog::start_elsewhere(const LogCursor& cursor) const {
  const auto from = [&](auto&& is_next, std::optional<LogGap> gap) {
    const auto entry = std::find_if(entries_.begin(), entries_.end(), is_next);
    return Start{entry == entries_.end() ? next_ : entry->number, gap, cursor.last_id};
  };
  if (cursor.last_id.empty()) {
    const WallTime as_of{WallTime::duration(cursor.as_of)};
    const bool heard_all = dropped_ == 0 && listening_since_ <= as_of;
    return from([&](const Entry& entry) { return entry.arrived >= as_of - kClockSkewMax; },
                heard_all ? std::nullopt : std::optional(LogGap::unknown_cursor));
  }
  const auto same = std::find_if(entries_.begin(), entries_.end(),
                                 [&](const Entry& entry) { return entry.id == cursor.last_id; });
  if (same != entries_.end()) return {same->number + 1, {}, cursor.last_id};
  // Ids sort by time: what is older has been seen, or is part of the gap.
  return from([&](const Entry& entry) { return entry.id > cursor.last_id; }, LogGap::unknown_cursor);
}

MessageLog::Page MessageLog::read(const Start& start, size_t messages_max, size_t bytes_max,
                                  WallTime now) const {
  Page page;
  page.cursor = {{epoch_, next_}, now.time_since_epoch().count(), std::max(last_id_, start.last_id)};
  size_t bytes = 0;
  auto entry = std::lower_bound(entries_.begin(), entries_.end(), start.next,
                                [](const Entry& e, uint64_t number) { return e.number < number; });
  for (; entry != entries_.end(); ++entry) {
    bytes += entry->envelope->size();
    if (page.envelopes.size() == messages_max || (bytes > bytes_max && !page.envelopes.empty())) {
      page.more = true;
      page.cursor.next.number = std::prev(entry)->number + 1;
      page.cursor.last_id = std::prev(entry)->id;
      break;
    }
    page.envelopes.push_back(entry->envelope);
  }
  page.gap = start.gap;
  if (!page.gap && start.next <= dropped_) page.gap = LogGap::expired;
  if (!page.gap && start.next <= hole_ && hole_ < page.cursor.next.number) page.gap = hole_reason_;
  return page;
}

}  // namespace gw
