#include "ws/unfinished_buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "base/assert.h"

namespace gw::ws {

UnfinishedBuffer::~UnfinishedBuffer() { std::free(data_); }

UnfinishedBuffer::UnfinishedBuffer(UnfinishedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

UnfinishedBuffer& UnfinishedBuffer::operator=(UnfinishedBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

void UnfinishedBuffer::append(std::string_view bytes, size_t capacity_max) {
  if (bytes.empty()) return;
  const size_t needed = size_ + bytes.size();
  ASSERT(needed <= capacity_max && capacity_max <= UINT32_MAX);
  if (needed > capacity_) {
    const size_t capacity = std::min(std::max(needed, 2 * size_t{capacity_}), capacity_max);
    void* grown = std::realloc(data_, capacity);
    if (grown == nullptr) throw std::bad_alloc();
    data_ = static_cast<char*>(grown);
    capacity_ = static_cast<uint32_t>(capacity);
  }
  std::memcpy(data_ + size_, bytes.data(), bytes.size());
  size_ = static_cast<uint32_t>(needed);
}

void UnfinishedBuffer::truncate(size_t size) {
  ASSERT(size <= size_);
  size_ = static_cast<uint32_t>(size);
  if (size > 0) return;
  std::free(std::exchange(data_, nullptr));
  capacity_ = 0;
}

}  // namespace gw::ws
