#include "net/http/out_buffer.h"

#include <utility>

#include "base/assert.h"

namespace gw::http {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;
// A piece that follows others will be filled, and the last that comes into it goes beyond.
constexpr size_t kReserveBytes = kPieceBytes + 4096;

}  // namespace

std::string& OutBuffer::tail() {
  std::string& last = rest_.empty() ? first_ : rest_.back();
  if (last.size() < kPieceBytes) return last;
  if (!rest_.empty()) between_ += last.size();
  std::string& piece = rest_.emplace_back();
  piece.reserve(kReserveBytes);
  return piece;
}

void OutBuffer::consume(size_t bytes) {
  ASSERT(bytes <= first_.size() - consumed_);
  consumed_ += bytes;
  if (consumed_ < first_.size()) return;
  consumed_ = 0;
  if (rest_.empty()) return first_.clear();
  if (rest_.size() > 1) between_ -= rest_.front().size();
  first_ = std::move(rest_.front());
  rest_.pop_front();
}

void OutBuffer::clear() {
  // A string that is assigned an empty one keeps its memory.
  std::string().swap(first_);
  consumed_ = 0;
  rest_.clear();
  between_ = 0;
}

void OutBuffer::retain(size_t bytes_max) {
  ASSERT(empty());
  if (first_.capacity() > bytes_max) std::string().swap(first_);
}

}  // namespace gw::http
