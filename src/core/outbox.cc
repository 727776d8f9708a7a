#include "core/outbox.h"

#include <boost/container/small_vector.hpp>

#include "base/assert.h"

namespace gw {
namespace {

struct Entry {
  FramePtr frame;
  bool deflate;

  std::string_view wire() const { return frame->wire(deflate); }
  size_t charge() const { return wire().size() + Outbox::kFrameOverhead; }
};

}  // namespace

// Mostly one frame waits, at times two: they are in here, so that there is one allocation.
struct Outbox::Waiting {
  boost::container::small_vector<Entry, 2> frames;
  uint32_t head = 0;    // first entry not written in full
  uint32_t offset = 0;  // bytes of it that are written
  size_t bytes = 0;     // charged

  bool empty() const { return head == frames.size(); }
  void add(Entry entry) {
    // Entries already written are reclaimed when they are the larger half.
    if (head > 16 && head * 2 > frames.size()) {
      frames.erase(frames.begin(), frames.begin() + head);
      head = 0;
    }
    if (frames.size() == frames.capacity()) frames.reserve(2 * frames.size());
    bytes += entry.charge();
    frames.push_back(std::move(entry));
  }
};

Outbox::Outbox() = default;
Outbox::~Outbox() = default;
Outbox::Outbox(Outbox&&) noexcept = default;

bool Outbox::push(FramePtr frame, bool deflate, size_t bytes_max) {
  Entry entry{std::move(frame), deflate};
  if (bytes() + entry.charge() > bytes_max) return false;
  if (!waiting_) waiting_ = std::make_unique<Waiting>();
  waiting_->add(std::move(entry));
  return true;
}

size_t Outbox::gather(std::span<iovec> out) const {
  if (!waiting_) return 0;
  size_t used = 0;
  size_t skip = waiting_->offset;
  for (size_t i = waiting_->head; i < waiting_->frames.size() && used < out.size(); ++i) {
    std::string_view wire = waiting_->frames[i].wire();
    wire.remove_prefix(skip);
    skip = 0;
    out[used++] = {const_cast<char*>(wire.data()), wire.size()};
  }
  return used;
}

void Outbox::consume(size_t bytes) {
  while (bytes > 0) {
    ASSERT(waiting_ && !waiting_->empty());
    Entry& entry = waiting_->frames[waiting_->head];
    const size_t rest = entry.wire().size() - waiting_->offset;
    if (bytes < rest) {
      waiting_->offset += static_cast<uint32_t>(bytes);
      return;
    }
    bytes -= rest;
    waiting_->bytes -= entry.charge();
    entry.frame.reset();
    waiting_->offset = 0;
    ++waiting_->head;
  }
  if (waiting_ && waiting_->empty()) waiting_.reset();
}

void Outbox::drop_unstarted() {
  if (!waiting_) return;
  const size_t keep = waiting_->head + (waiting_->offset > 0 ? 1u : 0u);
  while (waiting_->frames.size() > keep) {
    waiting_->bytes -= waiting_->frames.back().charge();
    waiting_->frames.pop_back();
  }
  if (waiting_->empty()) waiting_.reset();
}

size_t Outbox::bytes() const { return waiting_ ? waiting_->bytes : 0; }

}  // namespace gw
