#include "ws/frame.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "base/utf8.h"

namespace gw::ws {
namespace {

constexpr unsigned char kFin = 0x80;
constexpr unsigned char kRsv1 = 0x40;
constexpr unsigned char kMask = 0x80;

size_t write_header(char* out, Opcode opcode, uint64_t payload_size, FrameFlags flags, unsigned char mask) {
  ASSERT(!is_control(opcode) || (payload_size <= kControlPayloadMax && flags.fin && !flags.compressed));
  const size_t header_size = frame_header_size(payload_size);
  // The length takes 7 bits, or an escape and 2 or 8 bytes, most significant first (RFC 6455 5.2).
  const unsigned length = header_size == 2   ? static_cast<unsigned>(payload_size)
                          : header_size == 4 ? 126u
                                             : 127u;
  out[0] = static_cast<char>((flags.fin ? kFin : 0) | (flags.compressed ? kRsv1 : 0) |
                             static_cast<unsigned>(opcode));
  out[1] = static_cast<char>(mask | length);
  for (size_t i = header_size; i > 2; --i) {
    out[i - 1] = static_cast<char>(payload_size & 0xFF);
    payload_size >>= 8;
  }
  return header_size;
}

std::string close_payload(CloseCode code, std::string_view reason) {
  if (code == close_code::no_status) return {};
  ASSERT(is_wire_close_code(code));
  std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  return payload.append(utf8_prefix(reason, kCloseReasonMax));
}

}  // namespace

size_t write_frame_header(char* out, Opcode opcode, uint64_t payload_size, FrameFlags flags) {
  return write_header(out, opcode, payload_size, flags, 0);
}

void append_frame(std::string& out, Opcode opcode, std::string_view payload, FrameFlags flags) {
  char header[kFrameHeaderMax];
  const size_t header_size = write_frame_header(header, opcode, payload.size(), flags);
  const size_t size = out.size() + header_size + payload.size();
  // reserve() alone would make a run of small appends grow byte by byte on some libraries.
  if (size > out.capacity()) out.reserve(std::max(size, 2 * out.capacity()));
  out.append(header, header_size).append(payload);
}

void append_close(std::string& out, CloseCode code, std::string_view reason) {
  append_frame(out, Opcode::close, close_payload(code, reason));
}

MaskKey rotate_mask(MaskKey key, size_t count) {
  return {key[count % 4], key[(count + 1) % 4], key[(count + 2) % 4], key[(count + 3) % 4]};
}

void apply_mask(std::span<char> bytes, MaskKey key) {
  uint32_t half;
  std::memcpy(&half, key.data(), sizeof(half));
  const uint64_t word_mask = static_cast<uint64_t>(half) << 32 | half;
  char* p = bytes.data();
  size_t left = bytes.size();
  // Blocks, then words, whatever the alignment; the key stands in each a whole number of times. Four words
  // at once are what compilers make vector instructions of.
  using Block = std::array<uint64_t, 4>;
  for (; left >= sizeof(Block); p += sizeof(Block), left -= sizeof(Block)) {
    Block block;
    std::memcpy(block.data(), p, sizeof(block));
    for (uint64_t& word : block) word ^= word_mask;
    std::memcpy(p, block.data(), sizeof(block));
  }
  for (; left >= sizeof(word_mask); p += sizeof(word_mask), left -= sizeof(word_mask)) {
    uint64_t word;
    std::memcpy(&word, p, sizeof(word));
    word ^= word_mask;
    std::memcpy(p, &word, sizeof(word));
  }
  for (size_t i = 0; i < left; ++i) p[i] = static_cast<char>(p[i] ^ static_cast<char>(key[i % 4]));
}

void append_masked_frame(std::string& out, Opcode opcode, std::string_view payload, MaskKey key,
                         FrameFlags flags) {
  char header[kFrameHeaderMax];
  size_t header_size = write_header(header, opcode, payload.size(), flags, kMask);
  for (const unsigned char byte : key) header[header_size++] = static_cast<char>(byte);
  out.append(header, header_size);
  const size_t start = out.size();
  out.append(payload);
  apply_mask(std::span<char>(out).subspan(start), key);
}

void append_masked_close(std::string& out, CloseCode code, std::string_view reason, MaskKey key) {
  append_masked_frame(out, Opcode::close, close_payload(code, reason), key);
}

}  // namespace gw::ws
