#include "net/http/chunked.h"

#include <algorithm>

namespace gw::http {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_field_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

constexpr int kSizeDigitsMax = 16;  // as many as 64 bits take

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::decode(std::string_view bytes, std::string& body,
                                            size_t body_bytes_max) {
  size_t used = 0;
  while (used < bytes.size() && state_ != State::done) {
    if (state_ != State::data) {
      if (!step(bytes[used++])) return {Status::bad, used};
      // Announced is enough: it need not be read first.
      if (state_ == State::data && remaining_ > body_bytes_max - body.size())
        return {Status::too_large, used};
      continue;
    }
    const size_t n = static_cast<size_t>(std::min<uint64_t>(remaining_, bytes.size() - used));
    body.append(bytes.substr(used, n));
    used += n;
    remaining_ -= n;
    if (remaining_ == 0) state_ = State::data_cr;
  }
  return {state_ == State::done ? Status::done : Status::more, used};
}

bool ChunkedDecoder::add_size_digit(char c) {
  const int digit = hex_digit(c);
  if (digit < 0 || ++size_digits_ > kSizeDigitsMax) return false;
  remaining_ = remaining_ * 16 + static_cast<uint64_t>(digit);
  return true;
}

// One byte of framing. False: not the grammar.
bool ChunkedDecoder::step(char c) {
  const auto expect = [&](char wanted, State next) {
    state_ = next;
    return c == wanted;
  };
  switch (state_) {
    case State::size_first:
      remaining_ = 0;
      size_digits_ = 0;
      state_ = State::size;
      return add_size_digit(c);
    case State::size:
      if (c == ';') return expect(';', State::extension);
      if (c == '\r') return expect('\r', State::size_lf);
      return add_size_digit(c);
    case State::extension:
      if (c == '\r') return expect('\r', State::size_lf);
      return is_field_byte(c) && ++overhead_ <= kOverheadBytesMax;
    case State::size_lf: return expect('\n', remaining_ == 0 ? State::trailer_first : State::data);
    case State::data_cr: return expect('\r', State::data_lf);
    case State::data_lf: return expect('\n', State::size_first);
    case State::trailer_first:
      if (c == '\r') return expect('\r', State::final_lf);
      state_ = State::trailer;
      return is_field_byte(c) && c != ' ' && c != '\t' && ++overhead_ <= kOverheadBytesMax;
    case State::trailer:
      if (c == '\r') return expect('\r', State::trailer_lf);
      return is_field_byte(c) && ++overhead_ <= kOverheadBytesMax;
    case State::trailer_lf: return expect('\n', State::trailer_first);
    case State::final_lf: return expect('\n', State::done);
    case State::data:
    case State::done: break;
  }
  return false;
}

}  // namespace gw::http
