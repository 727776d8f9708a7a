#include "base/block_text.h"

#include <cstring>
#include <utility>

#include "base/assert.h"

namespace gw {

BlockText::BlockText(const BlockText& other) {
  other.visit(0, other.size_, [this](std::string_view piece) { append(piece); });
  for (size_t i = 0; i < parts_.size(); ++i) parts_[i]->note = other.parts_[i]->note;
}

BlockText::BlockText(BlockText&& other) noexcept
    : size_(std::exchange(other.size_, 0)), parts_(std::move(other.parts_)) {
  other.parts_.clear();
}

BlockText& BlockText::operator=(BlockText other) noexcept {
  std::swap(size_, other.size_);
  std::swap(parts_, other.parts_);
  return *this;
}

size_t BlockText::capacity() const {
  return count() * blocks::kBytes + parts_.size() * sizeof(Part) + parts_.capacity() * sizeof(parts_.front());
}

void BlockText::append(std::string_view text) {
  while (!text.empty()) {
    const size_t used = size_ % blocks::kBytes;
    if (used == 0) {
      const uint64_t index = count();
      if (index / kOfPart == parts_.size()) parts_.push_back(std::make_unique<Part>());
      parts_[index / kOfPart]->blocks[index % kOfPart] = blocks::take();
    }
    const std::string_view piece = text.substr(0, blocks::kBytes - used);
    std::memcpy(blocks::at(block(size_ / blocks::kBytes)) + used, piece.data(), piece.size());
    size_ += piece.size();
    text.remove_prefix(piece.size());
  }
}

void BlockText::cut(uint64_t size) {
  ASSERT(size <= size_);
  const uint64_t before = count();
  size_ = size;
  for (uint64_t index = count(); index < before; ++index) blocks::give(block(index));
  parts_.resize((count() + kOfPart - 1) / kOfPart);
  if (size == 0) parts_.shrink_to_fit();
}

std::string BlockText::copy(uint64_t from, uint64_t to) const {
  std::string out;
  out.reserve(to - from);
  visit(from, to, [&](std::string_view piece) { out += piece; });
  return out;
}

std::string_view BlockText::view(uint64_t from, uint64_t to, std::string& room) const {
  if (from == to) return {};
  if (from / blocks::kBytes == (to - 1) / blocks::kBytes) return {data(from), to - from};
  room = copy(from, to);
  return room;
}

bool BlockText::has(uint64_t from, std::string_view text) const {
  if (from > size_ || text.size() > size_ - from) return false;
  bool same = true;
  visit(from, from + text.size(), [&](std::string_view piece) {
    same = same && text.starts_with(piece);
    text.remove_prefix(piece.size());
  });
  return same;
}

uint64_t BlockText::find(char c, uint64_t from) const {
  for (uint64_t at = from; at < size_;) {
    const uint64_t end = std::min(size_, (at / blocks::kBytes + 1) * blocks::kBytes);
    const std::string_view piece(data(at), end - at);
    if (const size_t found = piece.find(c); found != piece.npos) return at + found;
    at = end;
  }
  return size_;
}

uint64_t BlockText::find_last(char c, uint64_t from, uint64_t to) const {
  while (to > from) {
    const uint64_t begin = std::max(from, (to - 1) / blocks::kBytes * blocks::kBytes);
    const std::string_view piece(data(begin), to - begin);
    if (const size_t found = piece.rfind(c); found != piece.npos) return begin + found;
    to = begin;
  }
  return size_;
}

}  // namespace gw
