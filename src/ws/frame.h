// Frames as they go out (RFC 6455 5.2): header sizes, headers, whole frames, and masking.
// A server's frames are unmasked; the masked ones are for our own clients: load generator and tests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ws/close_code.h"

namespace gw::ws {

enum class Opcode : uint8_t {
  continuation = 0x0,
  text = 0x1,
  binary = 0x2,
  close = 0x8,
  ping = 0x9,
  pong = 0xA
};

constexpr bool is_control(Opcode opcode) { return (static_cast<uint8_t>(opcode) & 0x8) != 0; }

struct FrameFlags {
  bool fin = true;
  bool compressed = false;  // RSV1 (RFC 7692 6): only on the first frame of a message
};

inline constexpr size_t kControlPayloadMax = 125;
inline constexpr size_t kCloseReasonMax = kControlPayloadMax - 2;
inline constexpr size_t kFrameHeaderMax = 14;

// Bytes of an unmasked header before `payload_size` bytes: 2, 4 or 10. A masked one has 4 more.
constexpr size_t frame_header_size(uint64_t payload_size) {
  return payload_size <= 125 ? 2 : payload_size <= 0xFFFF ? 4 : 10;
}

// Writes an unmasked header to `out`, which has room for frame_header_size(payload_size) bytes, and
// returns that size. For a frame laid out in one allocation of the caller's.
size_t write_frame_header(char* out, Opcode opcode, uint64_t payload_size, FrameFlags flags = {});

// One unmasked frame, header and payload, with at most one growth of `out`.
// A control frame's payload has at most kControlPayloadMax bytes (asserted).
void append_frame(std::string& out, Opcode opcode, std::string_view payload, FrameFlags flags = {});

// A close frame. no_status makes an empty one, the echo of an empty close; any other code must satisfy
// is_wire_close_code (asserted). A reason over kCloseReasonMax bytes is cut between characters.
void append_close(std::string& out, CloseCode code, std::string_view reason = {});

// In the order of the wire.
using MaskKey = std::array<unsigned char, 4>;

// XORs `bytes` with the key, repeated; its own inverse (RFC 6455 5.3).
void apply_mask(std::span<char> bytes, MaskKey key);
// The key to go on with after `count` bytes of a payload.
MaskKey rotate_mask(MaskKey key, size_t count);

void append_masked_frame(std::string& out, Opcode opcode, std::string_view payload, MaskKey key,
                         FrameFlags flags = {});
void append_masked_close(std::string& out, CloseCode code, std::string_view reason, MaskKey key);

}  // namespace gw::ws
