#include "core/print_set.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/assert.h"

namespace gw {
namespace {

constexpr size_t kCellsMin = 64;
// A table is left when 5/8 of it are full, and the one of twice its size has room for as many again: two for
// each of them would do.
constexpr size_t kCarried = 8;

}  // namespace

size_t PrintSet::Table::find(const SipHash& print) const {
  size_t i = home(print);
  while (cells[i] != kFree && cells[i] != print) i = next(i);
  return i;
}

// Linear probing without marks: moves back whatever the hole would cut off (Knuth 6.4, algorithm R).
void PrintSet::Table::close_up(size_t hole) {
  for (size_t i = next(hole); cells[i] != kFree; i = next(i)) {
    if (((i - home(cells[i])) & (size - 1)) < ((i - hole) & (size - 1))) continue;
    cells[hole] = cells[i];
    hole = i;
  }
  cells[hole] = kFree;
}

bool PrintSet::contains(const SipHash& print) const { return now_.has(print) || before_.has(print); }

void PrintSet::fetch(const SipHash& print) const {
  if (now_.size != 0) __builtin_prefetch(&now_.cells[now_.home(print)]);
  if (before_.size != 0) __builtin_prefetch(&before_.cells[before_.home(print)]);
}

void PrintSet::insert(const SipHash& print) {
  if ((size_ + 1) * 8 > now_.size * 5) grow();
  SipHash& cell = now_.cells[now_.find(print)];
  ASSERT(cell == kFree);
  cell = print;
  ++size_;
  carry(kCarried);
}

void PrintSet::erase(const SipHash& print) {
  if (now_.has(print)) {
    now_.close_up(now_.find(print));
  } else {
    const size_t i = before_.find(print);
    ASSERT(before_.cells[i] == print);
    before_.cells[i] = kGone;
  }
  if (--size_ == 0) *this = {};
}

// The memory is the kernel's zeros until a cell is written, so a large table takes no time either.
PrintSet::Table PrintSet::make(size_t cells) {
  static_assert(kFree == SipHash{});
  auto* const memory = static_cast<SipHash*>(std::calloc(cells, sizeof(SipHash)));
  if (memory == nullptr) throw std::bad_alloc();
  return {std::unique_ptr<SipHash[], FreeWith<std::free>>(memory), cells};
}

void PrintSet::grow() {
  Table larger = make(std::max(kCellsMin, 2 * now_.size));
  carry(before_.size);
  before_ = std::exchange(now_, std::move(larger));
  carried_ = 0;
}

void PrintSet::carry(size_t cells) {
  for (; cells > 0 && carried_ < before_.size; --cells, ++carried_) {
    SipHash& cell = before_.cells[carried_];
    if (cell == kFree || cell == kGone) continue;
    now_.cells[now_.find(cell)] = cell;
    cell = kGone;
  }
  if (carried_ == before_.size) before_ = {};
}

}  // namespace gw
