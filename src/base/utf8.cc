#include "base/utf8.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace gw {
namespace {

// A shift-based automaton: a byte's row holds the next state of every state, six bits each, at the offset
// that the state's own number is. A step is one load and one shift.
enum State : uint8_t {
  kAccept = 0,    // between characters
  kTail1 = 6,     // one more byte 80-BF
  kTail2 = 12,    // two more
  kTail3 = 18,    // three more
  kAfterE0 = 24,  // A0-BF, then one more: less would be overlong
  kAfterED = 30,  // 80-9F, then one more: above are surrogates
  kAfterF0 = 36,  // 90-BF, then two more: less would be overlong
  kAfterF4 = 42,  // 80-8F, then two more: above is beyond U+10FFFF
  kReject = 48,
};
constexpr std::array<State, 9> kStates = {kAccept,  kTail1,   kTail2,   kTail3, kAfterE0,
                                          kAfterED, kAfterF0, kAfterF4, kReject};

constexpr bool between(unsigned byte, unsigned low, unsigned high) { return byte >= low && byte <= high; }

constexpr State first_byte(unsigned byte) {
  if (byte <= 0x7F) return kAccept;
  if (between(byte, 0xC2, 0xDF)) return kTail1;
  if (byte == 0xE0) return kAfterE0;
  if (byte == 0xED) return kAfterED;
  if (between(byte, 0xE1, 0xEF)) return kTail2;
  if (byte == 0xF0) return kAfterF0;
  if (between(byte, 0xF1, 0xF3)) return kTail3;
  if (byte == 0xF4) return kAfterF4;
  return kReject;
}

constexpr State next_state(State state, unsigned byte) {
  switch (state) {
    case kAccept: return first_byte(byte);
    case kTail1: return between(byte, 0x80, 0xBF) ? kAccept : kReject;
    case kTail2: return between(byte, 0x80, 0xBF) ? kTail1 : kReject;
    case kTail3: return between(byte, 0x80, 0xBF) ? kTail2 : kReject;
    case kAfterE0: return between(byte, 0xA0, 0xBF) ? kTail1 : kReject;
    case kAfterED: return between(byte, 0x80, 0x9F) ? kTail1 : kReject;
    case kAfterF0: return between(byte, 0x90, 0xBF) ? kTail2 : kReject;
    case kAfterF4: return between(byte, 0x80, 0x8F) ? kTail2 : kReject;
    case kReject: return kReject;
  }
  return kReject;
}

constexpr std::array<uint64_t, 256> make_rows() {
  std::array<uint64_t, 256> rows{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (const State state : kStates) rows[byte] |= static_cast<uint64_t>(next_state(state, byte)) << state;
  }
  return rows;
}
constexpr std::array<uint64_t, 256> kRows = make_rows();

constexpr size_t kBlock = 16;

bool is_ascii_block(const char* bytes) {
  uint64_t words[2];
  std::memcpy(words, bytes, sizeof(words));
  return ((words[0] | words[1]) & 0x8080808080808080u) == 0;
}

uint64_t step(uint64_t state, const char* bytes, size_t count) {
  for (size_t i = 0; i < count; ++i) state = kRows[static_cast<unsigned char>(bytes[i])] >> (state & 63);
  return state & 63;
}

uint8_t run(uint64_t state, std::string_view text) {
  while (text.size() >= kBlock && state != kReject) {
    if (state != kAccept || !is_ascii_block(text.data())) state = step(state, text.data(), kBlock);
    text.remove_prefix(kBlock);
  }
  return static_cast<uint8_t>(step(state, text.data(), text.size()));
}

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

}  // namespace

bool is_valid_utf8(std::string_view text) { return run(kAccept, text) == kAccept; }

bool Utf8Validator::accept(std::string_view piece) {
  state_ = run(state_, piece);
  return state_ != kReject;
}

std::string_view utf8_prefix(std::string_view text, size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

// The Unicode Standard, table 3-7: only the second byte has narrower ranges than 80..BF.
size_t utf8_character_size(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const size_t size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() < size) return 0;
  const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < size; ++i) {
    if (!is_continuation(byte(i))) return 0;
  }
  return size;
}

size_t count_code_points(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return !is_continuation(static_cast<unsigned char>(c)); }));
}

void append_utf8(std::string& out, uint32_t code_point) {
  const auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto continuation = [&](int shift) { put(0x80 | ((code_point >> shift) & 0x3f)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xc0 | (code_point >> 6));
    continuation(0);
  } else if (code_point < 0x10000) {
    put(0xe0 | (code_point >> 12));
    continuation(6);
    continuation(0);
  } else {
    put(0xf0 | (code_point >> 18));
    continuation(12);
    continuation(6);
    continuation(0);
  }
}

}  // namespace gw
