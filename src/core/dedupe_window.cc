#include "core/dedupe_window.h"

#include "base/assert.h"

namespace gw {
namespace {

constexpr SipHash kFree{};

}  // namespace

DedupeWindow::Print DedupeWindow::print_of(std::string_view key) const {
  Print print = siphash(key_, key);
  if (print == kFree) print.low = 1;
  return print;
}

void DedupeWindow::expect(std::string_view key) const { fetch(print_of(key)); }

void DedupeWindow::fetch(const Print& print) const {
  if (!cells_.empty()) __builtin_prefetch(&cells_[print.low & (cells_.size() - 1)]);
}

DedupeWindow::Outcome DedupeWindow::check(std::string_view key, TimePoint now, uint64_t sender) {
  return check(print_of(key), now, sender);
}

DedupeWindow::Outcome DedupeWindow::check(const Print& print, TimePoint now, uint64_t sender) {
  checked_ = print;
  fetch(print);  // the rest is looked up meanwhile
  expire(now);
  checked_sender_ = sender;
  const bool full = is_full(sender);
  if (!cells_.empty() && cells_[find(checked_)] == checked_) return Outcome::duplicate;
  return full ? Outcome::full : Outcome::fresh;
}

bool DedupeWindow::is_full(uint64_t sender) const {
  if (count_ >= options_.ids_max) return true;
  const auto held = by_sender_.find(sender);
  return held != by_sender_.end() && held->second >= options_.ids_max - count_;
}

void DedupeWindow::remember(const Print& print, TimePoint now, uint64_t sender, std::string_view message_id) {
  fetch(print);  // it has left the caches since
  expire(now);
  if (is_full(sender)) return;
  checked_ = print;
  checked_sender_ = sender;
  remember_checked(now, message_id);
}

void DedupeWindow::remember_checked(TimePoint now, std::string_view message_id) {
  if (cells_.empty() || (count_ + 1) * 8 > cells_.size() * 5) grow();
  Print& cell = cells_[find(checked_)];
  ASSERT(cell == kFree);
  cell = checked_;
  ++count_;
  by_age_.push_back({now, checked_, checked_sender_});
  if (checked_sender_ != 0) ++by_sender_[checked_sender_];
  if (!message_id.empty()) message_ids_.emplace(checked_, message_id);
}

std::string DedupeWindow::first_id() const {
  const auto it = message_ids_.find(checked_);
  return it == message_ids_.end() ? std::string() : it->second;
}

size_t DedupeWindow::find(const Print& print) const {
  const size_t mask = cells_.size() - 1;
  size_t i = print.low & mask;
  while (cells_[i] != kFree && cells_[i] != print) i = (i + 1) & mask;
  return i;
}

void DedupeWindow::erase(const Print& print) {
  const size_t mask = cells_.size() - 1;
  size_t hole = find(print);
  ASSERT(cells_[hole] == print);
  // Linear probing without tombstones: move back whatever the hole would cut off (Knuth 6.4, algorithm R).
  for (size_t i = (hole + 1) & mask; cells_[i] != kFree; i = (i + 1) & mask) {
    const size_t home = cells_[i].low & mask;
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    cells_[hole] = cells_[i];
    hole = i;
  }
  cells_[hole] = kFree;
  --count_;
}

void DedupeWindow::expire(TimePoint now) {
  while (!by_age_.empty() && by_age_.front().since + options_.age <= now) {
    erase(by_age_.front().print);
    if (!message_ids_.empty()) message_ids_.erase(by_age_.front().print);
    const auto held = by_sender_.find(by_age_.front().sender);
    if (held != by_sender_.end() && --held->second == 0) by_sender_.erase(held);
    by_age_.pop_front();
  }
  if (count_ == 0 && cells_.size() > 1024) std::vector<Print>().swap(cells_);
}

void DedupeWindow::grow() {
  std::vector<Print> old(cells_.empty() ? 64 : cells_.size() * 2, kFree);
  old.swap(cells_);
  for (const Print& print : old) {
    if (print != kFree) cells_[find(print)] = print;
  }
}

std::optional<Result<Submitted>> refuse_repeated(DedupeWindow& window, const AgentMessage& message,
                                                 TimePoint now) {
  if (!message.dedupe_key) return std::nullopt;
  return refuse_repeated(window, window.print_of(*message.dedupe_key), message.sender, now);
}

std::optional<Result<Submitted>> refuse_repeated(DedupeWindow& window, const DedupeWindow::Print& print,
                                                 uint64_t sender, TimePoint now) {
  switch (window.check(print, now, sender)) {
    case DedupeWindow::Outcome::duplicate: return Submitted::duplicate_of(window.first_id());
    case DedupeWindow::Outcome::full: return Error{Errc::resource_exhausted, "too many ids in the window"};
    case DedupeWindow::Outcome::fresh: break;
  }
  return std::nullopt;
}

}  // namespace gw
