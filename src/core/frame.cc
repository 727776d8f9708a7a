#include "core/frame.h"

#include <algorithm>

#include "base/assert.h"
#include "protocol/event_stream.h"
#include "ws/frame.h"

namespace gw {
namespace {

// A frame at the beginning of what ws::append_frame() has written.
struct FrontFrame {
  ws::Opcode opcode;
  std::string_view payload;
  size_t bytes;  // of all of it
};

FrontFrame front_of(std::string_view wire) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(wire[i]); };
  ASSERT(wire.size() >= 2);
  const size_t header = byte(1) < 126 ? 2 : byte(1) == 126 ? 4 : 10;
  ASSERT(wire.size() >= header);
  size_t payload = header == 2 ? byte(1) : 0;
  for (size_t i = 2; i < header; ++i) payload = payload << 8 | byte(i);
  ASSERT(payload <= wire.size() - header);
  return {static_cast<ws::Opcode>(byte(0) & 0x0f), wire.substr(header, payload), header + payload};
}

}  // namespace

FramePtr make_frame(std::string wire) { return FramePtr(new Frame(std::move(wire), {})); }

FramePtr make_text_frame(std::string_view payload) {
  std::string wire;
  wire.reserve(payload.size() + 10);
  ws::append_frame(wire, ws::Opcode::text, payload);
  return make_frame(std::move(wire));
}

FramePtr join_frames(std::span<const FramePtr> frames) {
  const auto joined = [frames](bool deflate) {
    std::string wire;
    for (const FramePtr& frame : frames) wire.append(frame->wire(deflate));
    return wire;
  };
  const bool has_two_forms =
      std::any_of(frames.begin(), frames.end(), [](const FramePtr& frame) { return frame->has_two_forms(); });
  return FramePtr(new Frame(joined(false), has_two_forms ? joined(true) : std::string()));
}

std::string as_events(const Frame& frame) {
  std::string out;
  std::string_view wire = frame.wire(false);
  out.reserve(wire.size() + 8);
  while (!wire.empty()) {
    const FrontFrame front = front_of(wire);
    if (front.opcode == ws::Opcode::text) protocol::append_event(out, front.payload);
    if (front.opcode == ws::Opcode::ping) protocol::append_comment(out);
    wire.remove_prefix(front.bytes);
  }
  return out;
}

}  // namespace gw
