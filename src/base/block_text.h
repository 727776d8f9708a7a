// A text that grows at its end and is cut there, kept in blocks (base/blocks.h): it is never moved, and at
// most a block of it is spare. For each part of 4 KiB its user may keep a number.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/blocks.h"

namespace gw {

class BlockText {
 public:
  BlockText() = default;
  explicit BlockText(std::string_view text) { append(text); }
  BlockText(const BlockText& other);
  BlockText(BlockText&& other) noexcept;
  BlockText& operator=(BlockText other) noexcept;
  ~BlockText() { cut(0); }

  uint64_t size() const { return size_; }
  // What it holds of memory.
  size_t capacity() const;
  void append(std::string_view text);
  // Its first `size` bytes remain; it has as many.
  void cut(uint64_t size);

  char operator[](uint64_t pos) const { return *data(pos); }
  // From one place to another, neither behind its end: piece by piece, as they lie in memory.
  template <class F>
  void visit(uint64_t from, uint64_t to, F&& visit_piece) const {
    while (from < to) {
      const uint64_t end = std::min(to, (from / blocks::kBytes + 1) * blocks::kBytes);
      visit_piece(std::string_view(data(from), end - from));
      from = end;
    }
  }
  static constexpr uint64_t kPartBytes = 16 * blocks::kBytes;
  // Of the part that holds the byte at `pos`; 0 until it is set, and gone with the part.
  uint64_t note(uint64_t pos) const { return parts_[pos / kPartBytes]->note; }
  void set_note(uint64_t pos, uint64_t note) { parts_[pos / kPartBytes]->note = note; }
  std::string copy(uint64_t from, uint64_t to) const;
  // As it lies in memory where it lies in one piece, else a copy in `room`.
  std::string_view view(uint64_t from, uint64_t to, std::string& room) const;
  bool has(uint64_t from, std::string_view text) const;
  // The first such character at or after `from`, and the last between two places; size(): there is none.
  uint64_t find(char c, uint64_t from) const;
  uint64_t find_last(char c, uint64_t from, uint64_t to) const;

 private:
  static constexpr size_t kOfPart = kPartBytes / blocks::kBytes;
  // The numbers of its blocks. Those of the whole text beside each other would be moved as they become more.
  struct Part {
    std::array<uint32_t, kOfPart> blocks;
    uint64_t note = 0;
  };

  uint32_t block(uint64_t index) const { return parts_[index / kOfPart]->blocks[index % kOfPart]; }
  char* data(uint64_t pos) const { return blocks::at(block(pos / blocks::kBytes)) + pos % blocks::kBytes; }
  uint64_t count() const { return (size_ + blocks::kBytes - 1) / blocks::kBytes; }

  uint64_t size_ = 0;
  std::vector<std::unique_ptr<Part>> parts_;
};

}  // namespace gw
