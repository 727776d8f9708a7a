// Frames as a client sends them, for tests.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "base/hex.h"
#include "ws/close_code.h"
#include "ws/frame.h"

namespace gw::ws {

inline constexpr MaskKey kKey = {0x37, 0xfa, 0x21, 0x3d};

// What stands there in hexadecimal digits.
inline std::string bytes(std::string_view hex) {
  std::string out(hex.size() / 2, '\0');
  EXPECT_TRUE(from_hex(hex, {reinterpret_cast<unsigned char*>(out.data()), out.size()})) << hex;
  return out;
}

// A frame as a client sends it.
inline std::string sent(Opcode opcode, std::string_view payload, FrameFlags flags = {}) {
  std::string out;
  append_masked_frame(out, opcode, payload, kKey, flags);
  return out;
}

inline std::string sent_text(std::string_view payload) { return sent(Opcode::text, payload); }

inline std::string sent_close(CloseCode code, std::string_view reason) {
  const std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  return sent(Opcode::close, payload + std::string(reason));
}

inline constexpr FrameFlags kMore = {.fin = false};

}  // namespace gw::ws
