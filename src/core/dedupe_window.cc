#include "core/dedupe_window.h"

namespace gw {

DedupeWindow::Print DedupeWindow::print_of(std::string_view key) const {
  Print print = siphash(key_, key);
  if (print == PrintSet::kFree || print == PrintSet::kGone) print.low = 1;
  return print;
}

void DedupeWindow::expect(std::string_view key) const { prints_.fetch(print_of(key)); }

DedupeWindow::Outcome DedupeWindow::check(std::string_view key, TimePoint now, uint64_t sender) {
  return check(print_of(key), now, sender);
}

DedupeWindow::Outcome DedupeWindow::check(const Print& print, TimePoint now, uint64_t sender) {
  checked_ = print;
  prints_.fetch(print);  // the rest is looked up meanwhile
  expire(now);
  checked_sender_ = sender;
  const bool full = is_full(sender);
  if (prints_.contains(checked_)) return Outcome::duplicate;
  return full ? Outcome::full : Outcome::fresh;
}

bool DedupeWindow::is_full(uint64_t sender) const {
  if (size() >= options_.ids_max) return true;
  const auto held = by_sender_.find(sender);
  return held != by_sender_.end() && held->second >= options_.ids_max - size();
}

void DedupeWindow::remember(const Print& print, TimePoint now, uint64_t sender, std::string_view message_id) {
  prints_.fetch(print);  // it has left the caches since
  expire(now);
  if (is_full(sender)) return;
  checked_ = print;
  checked_sender_ = sender;
  remember_checked(now, message_id);
}

void DedupeWindow::remember_checked(TimePoint now, std::string_view message_id) {
  prints_.insert(checked_);
  by_age_.push_back({now, checked_, checked_sender_});
  if (checked_sender_ != 0) ++by_sender_[checked_sender_];
  if (!message_id.empty()) message_ids_.emplace(checked_, message_id);
}

std::string DedupeWindow::first_id() const {
  const auto it = message_ids_.find(checked_);
  return it == message_ids_.end() ? std::string() : it->second;
}

void DedupeWindow::expire(TimePoint now) {
  while (!by_age_.empty() && by_age_.front().since + options_.age <= now) {
    prints_.erase(by_age_.front().print);
    if (!message_ids_.empty()) message_ids_.erase(by_age_.front().print);
    const auto held = by_sender_.find(by_age_.front().sender);
    if (held != by_sender_.end() && --held->second == 0) by_sender_.erase(held);
    by_age_.pop_front();
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
