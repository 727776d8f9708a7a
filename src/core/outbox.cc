#include "core/outbox.h"

#include "base/assert.h"

namespace gw {

bool Outbox::push(FramePtr frame, bool deflate, size_t bytes_max) {
  Entry entry{std::move(frame), deflate};
  const size_t charge = entry.charge();
  if (bytes_ + charge > bytes_max) return false;
  // Entries already written are reclaimed when they are the larger half.
  if (head_ > 16 && head_ * 2 > frames_.size()) {
    frames_.erase(frames_.begin(), frames_.begin() + head_);
    head_ = 0;
  }
  bytes_ += charge;
  frames_.push_back(std::move(entry));
  return true;
}

size_t Outbox::gather(std::span<iovec> out) const {
  size_t used = 0;
  size_t skip = offset_;
  for (size_t i = head_; i < frames_.size() && used < out.size(); ++i) {
    std::string_view wire = frames_[i].wire();
    wire.remove_prefix(skip);
    skip = 0;
    out[used++] = {const_cast<char*>(wire.data()), wire.size()};
  }
  return used;
}

void Outbox::consume(size_t bytes) {
  while (bytes > 0) {
    ASSERT(head_ < frames_.size());
    Entry& entry = frames_[head_];
    const size_t rest = entry.wire().size() - offset_;
    if (bytes < rest) {
      offset_ += static_cast<uint32_t>(bytes);
      return;
    }
    bytes -= rest;
    bytes_ -= entry.charge();
    entry.frame.reset();
    offset_ = 0;
    ++head_;
  }
  if (empty()) {
    head_ = 0;
    std::vector<Entry>().swap(frames_);
  }
}

void Outbox::drop_unstarted() {
  const size_t keep = head_ + (offset_ > 0 ? 1u : 0u);
  for (size_t i = keep; i < frames_.size(); ++i) bytes_ -= frames_[i].charge();
  frames_.resize(std::min(keep, frames_.size()));
}

}  // namespace gw
