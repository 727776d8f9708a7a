#include "core/frame.h"

#include "ws/frame.h"

namespace gw {

FramePtr make_frame(std::string wire) { return FramePtr(new Frame(std::move(wire), {})); }

FramePtr make_text_frame(std::string_view payload) {
  std::string wire;
  wire.reserve(payload.size() + 10);
  ws::append_frame(wire, ws::Opcode::text, payload);
  return make_frame(std::move(wire));
}

}  // namespace gw
