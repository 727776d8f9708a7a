// permessage-deflate (RFC 7692) without context takeover in either direction: each message is a stream
// of its own, so a thread needs one Inflater and one Deflater for all its connections, and a broadcast is
// compressed once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ws/extensions.h"

struct z_stream_s;

namespace gw::ws {

// Our streams look back at most 2^12 bytes. Most messages are shorter, resetting the state costs a
// tenth of what 2^15 does, and clients that ask for server_max_window_bits (12 is usual) can be served.
inline constexpr int kServerWindowBits = 12;

// The first acceptable offer of permessage-deflate, answered: the value for Sec-WebSocket-Extensions,
// "permessage-deflate; server_no_context_takeover; client_no_context_takeover", with
// "; server_max_window_bits=12" when the offer had that parameter. Empty when there is none: an offer with an
// unknown, duplicate or invalid parameter is declined (RFC 7692 7), and so is server_max_window_bits
// below 12.
std::optional<std::string> negotiate_deflate(std::span<const ExtensionOffer> offers);

class Inflater {
 public:
  enum class Status {
    ok,
    too_large,  // more than `size_max` bytes come out
    corrupt,    // not DEFLATE, or cut off inside a block
    no_memory,
  };
  struct Inflated {
    Status status;
    std::string_view text;  // lives until the next call; empty unless ok
  };

  Inflater();
  ~Inflater();
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;

  // `payload` is the whole message as it was framed, the tail 00 00 ff ff not included (RFC 7692 7.2.2).
  // Never makes more than size_max + 1 bytes of output.
  Inflated inflate(std::string_view payload, size_t size_max);

  // The same in pieces, as they come: what is wrong with a message shows at the first piece that has it.
  void begin();
  Status append(std::string_view piece, size_t size_max);
  Inflated finish(size_t size_max);
  // Heap memory, zlib's own included.
  size_t bytes_kept() const;

 private:
  void reset();
  Status feed(std::string_view bytes, size_t size_max);
  std::span<char> output_room(size_t size_max);

  std::unique_ptr<z_stream_s> stream_;
  std::string output_;  // room; kept for the next message unless it grew large
  size_t produced_ = 0;
  uint32_t streams_ended_ = 0;  // within the message
  bool at_block_end_ = true;
};

class Deflater {
 public:
  Deflater();
  ~Deflater();
  Deflater(Deflater&&) noexcept;
  Deflater& operator=(Deflater&&) noexcept;

  // The payload of one frame with FrameFlags::compressed, tail removed (RFC 7692 7.2.1).
  // Lives until the next call.
  std::string_view compress(std::string_view message);

 private:
  std::unique_ptr<z_stream_s> stream_;
  std::string output_;
};

}  // namespace gw::ws
