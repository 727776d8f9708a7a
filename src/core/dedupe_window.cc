#include "core/dedupe_window.h"

#include "base/assert.h"
#include "base/digest.h"

namespace gw {
namespace {

constexpr std::array<uint64_t, 2> kFree{0, 0};

}  // namespace

DedupeWindow::Outcome DedupeWindow::check(std::string_view key, TimePoint now) {
  expire(now);
  const Digest digest = sha256(key);
  std::memcpy(checked_.data(), digest.data(), sizeof(checked_));
  if (checked_ == kFree) checked_[0] = 1;
  if (!cells_.empty() && cells_[find(checked_)] == checked_) return Outcome::duplicate;
  return count_ >= options_.ids_max ? Outcome::full : Outcome::fresh;
}

void DedupeWindow::remember_checked(TimePoint now) {
  if (cells_.empty() || (count_ + 1) * 8 > cells_.size() * 5) grow();
  Print& cell = cells_[find(checked_)];
  ASSERT(cell == kFree);
  cell = checked_;
  ++count_;
  by_age_.emplace_back(now, checked_);
}

size_t DedupeWindow::find(const Print& print) const {
  const size_t mask = cells_.size() - 1;
  size_t i = print[0] & mask;
  while (cells_[i] != kFree && cells_[i] != print) i = (i + 1) & mask;
  return i;
}

void DedupeWindow::erase(const Print& print) {
  const size_t mask = cells_.size() - 1;
  size_t hole = find(print);
  ASSERT(cells_[hole] == print);
  // Linear probing without tombstones: move back whatever the hole would cut off (Knuth 6.4, algorithm R).
  for (size_t i = (hole + 1) & mask; cells_[i] != kFree; i = (i + 1) & mask) {
    const size_t home = cells_[i][0] & mask;
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    cells_[hole] = cells_[i];
    hole = i;
  }
  cells_[hole] = kFree;
  --count_;
}

void DedupeWindow::expire(TimePoint now) {
  while (!by_age_.empty() && by_age_.front().first + options_.age <= now) {
    erase(by_age_.front().second);
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

}  // namespace gw
