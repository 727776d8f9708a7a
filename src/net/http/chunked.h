// The chunked transfer coding (RFC 9112 7.1), strictly: anything but the grammar is bad, because a proxy in
// front that reads it differently would see other requests than we do. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw::http {

class ChunkedDecoder {
 public:
  enum class Status { more, done, bad, too_large };
  struct Step {
    Status status;
    size_t used;  // of the bytes given; after done, what follows is the next request
  };

  // Appends what it decodes to `body`, never beyond `body_bytes_max`. Extensions and trailers are read over;
  // more than kOverheadBytesMax of them are bad.
  Step decode(std::string_view bytes, std::string& body, size_t body_bytes_max);

  static constexpr size_t kOverheadBytesMax = 4096;

 private:
  enum class State : uint8_t {
    size_first,  // needs a digit
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer_first,  // of a line: CR here ends the body
    trailer,
    trailer_lf,
    final_lf,
    done,
  };
  bool step(char c);
  bool add_size_digit(char c);

  State state_ = State::size_first;
  uint64_t remaining_ = 0;  // of the chunk
  int size_digits_ = 0;
  size_t overhead_ = 0;
};

}  // namespace gw::http
