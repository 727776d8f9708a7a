// Wire bytes of one outbound WebSocket message: encoded once, shared by every connection it goes to.
#pragma once

#include <atomic>
#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <span>
#include <string>
#include <string_view>

namespace gw {

// Immutable once shared; any thread may hold and release it.
class Frame {
 public:
  Frame(std::string plain, std::string deflated) : plain_(std::move(plain)), deflated_(std::move(deflated)) {}

  // `deflate`: the connection negotiated permessage-deflate. A message not worth compressing has one form.
  std::string_view wire(bool deflate) const { return deflate && !deflated_.empty() ? deflated_ : plain_; }
  bool has_two_forms() const { return !deflated_.empty(); }

 private:
  friend void intrusive_ptr_add_ref(const Frame* f) {
    f->references_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(const Frame* f) {
    if (f->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete f;
  }

  mutable std::atomic<uint32_t> references_{0};
  const std::string plain_;
  const std::string deflated_;
};

using FramePtr = boost::intrusive_ptr<const Frame>;

// A text message as a frame.
FramePtr make_text_frame(std::string_view payload);
FramePtr make_frame(std::string wire);
// One after the other, in both forms: what goes to many connections in one piece.
FramePtr join_frames(std::span<const FramePtr> frames);
// The same for a client without a WebSocket: each text an event, each ping a comment.
std::string as_events(const Frame& frame);

}  // namespace gw
