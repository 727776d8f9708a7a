// The bytes of an unfinished message. Sixteen bytes while empty; memory goes back when it is emptied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gw::ws {

class UnfinishedBuffer {
 public:
  UnfinishedBuffer() = default;
  ~UnfinishedBuffer();
  UnfinishedBuffer(UnfinishedBuffer&& other) noexcept;
  UnfinishedBuffer& operator=(UnfinishedBuffer&& other) noexcept;

  // Grows by doubling, but not above `capacity_max`, which is at least what is needed now.
  // Throws std::bad_alloc.
  void append(std::string_view bytes, size_t capacity_max);
  // Keeps the first `size` bytes; none: frees.
  void truncate(size_t size);

  std::string_view view() const { return {data_, size_}; }
  size_t size() const { return size_; }
  // Capacity and the allocator's bookkeeping; 0 when empty.
  size_t bytes_kept() const { return data_ == nullptr ? 0 : capacity_ + kAllocationOverhead; }

 private:
  static constexpr size_t kAllocationOverhead = 16;

  char* data_ = nullptr;  // from malloc: growth of a large block should not copy
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

}  // namespace gw::ws
