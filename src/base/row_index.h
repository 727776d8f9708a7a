// Finds the rows of a table by a key that is read from the rows themselves: a hash table of their numbers,
// four bytes each, in place of a node and a copy of the key. Not synchronized.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/assert.h"

namespace gw {

using Row = uint32_t;
inline constexpr Row kNoRow = UINT32_MAX;

// KeyOf: from a row to its key, which must not change while the row is in. Hash is one of keys, and must be
// good in its lowest bits. One row at most has a key.
template <class KeyOf, class Hash>
class RowIndex {
 public:
  explicit RowIndex(KeyOf key_of) : key_of_(key_of) {}

  // kNoRow: there is none.
  template <class Key>
  Row find(const Key& key) const {
    if (slots_.empty()) return kNoRow;
    for (size_t slot = home_of(key);; slot = after(slot)) {
      const Row row = slots_[slot];
      if (row == kNoRow || key_of_(row) == key) return row;
    }
  }

  // Its key is in no other row.
  void insert(Row row) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    put(row);
    ++size_;
  }

  // It is in.
  void erase(Row row) {
    size_t hole = slot_of(row);
    // What stands behind it, and would be looked for from the hole or before, moves up (Knuth 6.4, algorithm
    // R).
    for (size_t slot = after(hole); slots_[slot] != kNoRow; slot = after(slot)) {
      const size_t home = home_of(key_of_(slots_[slot]));
      if (distance(home, slot) < distance(hole, slot)) continue;
      slots_[hole] = slots_[slot];
      hole = slot;
    }
    slots_[hole] = kNoRow;
    --size_;
  }

  // Another one with the same key takes its place.
  void replace(Row row, Row by) { slots_[slot_of(row)] = by; }

  size_t size() const { return size_; }

 private:
  static constexpr size_t kSlotsMin = 8;

  template <class Key>
  size_t home_of(const Key& key) const {
    return Hash()(key) & (slots_.size() - 1);
  }
  size_t after(size_t slot) const { return (slot + 1) & (slots_.size() - 1); }
  size_t distance(size_t from, size_t to) const { return (to - from) & (slots_.size() - 1); }

  size_t slot_of(Row row) const {
    size_t slot = home_of(key_of_(row));
    while (slots_[slot] != row) {
      ASSERT(slots_[slot] != kNoRow);
      slot = after(slot);
    }
    return slot;
  }

  void put(Row row) {
    size_t slot = home_of(key_of_(row));
    while (slots_[slot] != kNoRow) slot = after(slot);
    slots_[slot] = row;
  }

  void grow() {
    std::vector<Row> before(slots_.empty() ? kSlotsMin : slots_.size() * 2, kNoRow);
    before.swap(slots_);
    for (const Row row : before) {
      if (row != kNoRow) put(row);
    }
  }

  KeyOf key_of_;
  std::vector<Row> slots_;  // a power of two of them, of which a quarter at least is free
  size_t size_ = 0;
};

}  // namespace gw
