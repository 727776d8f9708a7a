// Frames waiting for one connection's socket: bounded by bytes, written in gathered writes.
// Empty, as nearly all are nearly always, it is a null pointer. Shard thread only.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>

#include "core/frame.h"

namespace gw {

class Outbox {
 public:
  Outbox();
  ~Outbox();
  Outbox(Outbox&&) noexcept;

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

  bool empty() const { return !waiting_; }
  // Bytes charged now.
  size_t bytes() const;

  static constexpr size_t kFrameOverhead = 32;

 private:
  struct Waiting;
  std::unique_ptr<Waiting> waiting_;  // null: nothing is
};

}  // namespace gw
