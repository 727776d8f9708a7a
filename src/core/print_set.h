// A set of hashes of 128 bits that never stops for its growth: while it has a new table, each insertion
// carries some of the old one over, as Redis's hashes do it. 16 bytes a cell, open addressing with linear
// probing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "base/free_with.h"
#include "base/siphash.h"

namespace gw {

class PrintSet {
 public:
  // Neither of these may be in it: they mark cells.
  static constexpr SipHash kFree{0, 0};
  static constexpr SipHash kGone{0, 1};

  bool contains(const SipHash& print) const;
  // contains() is about to be asked for it: its cell, which is in no cache, is fetched meanwhile.
  void fetch(const SipHash& print) const;
  // It is not there. Throws std::bad_alloc, and nothing has changed.
  void insert(const SipHash& print);
  // It is there. The last gives the memory back.
  void erase(const SipHash& print);

  size_t size() const { return size_; }
  // Of both tables.
  size_t cells() const { return now_.size + before_.size; }

 private:
  struct Table {
    std::unique_ptr<SipHash[], FreeWith<std::free>> cells;
    size_t size = 0;  // a power of two; 0: none

    size_t home(const SipHash& print) const { return print.low & (size - 1); }
    size_t next(size_t i) const { return (i + 1) & (size - 1); }
    // Its cell; else a free one where it would go. Not of no cells.
    size_t find(const SipHash& print) const;
    bool has(const SipHash& print) const { return size != 0 && cells[find(print)] == print; }
    void close_up(size_t hole);
  };

  static Table make(size_t cells);
  void grow();
  void carry(size_t cells);

  Table now_;
  Table before_;        // what has not been carried over; its holes are kGone, so that nothing moves
  size_t carried_ = 0;  // cells of before_ that have nothing any more
  size_t size_ = 0;
};

}  // namespace gw
