// Frames waiting for one connection's socket: bounded by bytes, written in gathered writes.
// Empty, it owns no heap memory. Shard thread only.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <vector>

#include "core/frame.h"

namespace gw {

class Outbox {
 public:
  // False, and nothing is kept, when the frame would take it over `bytes_max`. A shared frame is charged
  // in full: what the connection holds back is what counts, plus kFrameOverhead for our own bookkeeping.
  [[nodiscard]] bool push(FramePtr frame, bool deflate, size_t bytes_max);
  // Fills `out` with what to write next; returns how many entries were used. Bytes stay valid until
  // consume().
  size_t gather(std::span<iovec> out) const;
  // `bytes` have been written.
  void consume(size_t bytes);
  // Drops every frame of which nothing has been written yet; a frame cut in the middle would break the
  // stream.
  void drop_unstarted();

  bool empty() const { return head_ == frames_.size(); }
  // Bytes charged now.
  size_t bytes() const { return bytes_; }

  static constexpr size_t kFrameOverhead = 32;

 private:
  struct Entry {
    FramePtr frame;
    bool deflate;
    std::string_view wire() const { return frame->wire(deflate); }
    size_t charge() const { return wire().size() + kFrameOverhead; }
  };

  std::vector<Entry> frames_;
  uint32_t head_ = 0;    // first entry not written in full
  uint32_t offset_ = 0;  // bytes of it that are written
  size_t bytes_ = 0;
};

}  // namespace gw
