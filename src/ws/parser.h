// Bytes of one peer in, messages and control frames out (RFC 6455 5, RFC 7692 6). No I/O, no clock.
//
//   std::span<char> input = what was read;
//   while (true) {
//     const Event event = parser.next(input, scratch);
//     if (event.kind == Event::Kind::none) break;      // all of `input` is consumed
//     ...
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/utf8.h"
#include "ws/close_code.h"
#include "ws/deflate.h"
#include "ws/frame.h"
#include "ws/unfinished_buffer.h"

namespace gw::ws {

struct Event {
  enum class Kind : uint8_t {
    none,     // needs more bytes
    message,  // text: one whole message, valid UTF-8
    ping,     // text: its payload, to be sent back in a pong
    pong,     // text: its payload
    close,    // code (1005 when the frame was empty) and text: the peer's reason. The last event.
    error,    // code and text to close with. The last event.
  };
  Kind kind = Kind::none;
  // Of an error: 1002 and 1007 mean that the peer broke the protocol, 1003 and 1009 that it sent what we
  // do not take, 1011 that we failed.
  CloseCode code = 0;
  // Lives until the next call of next() on this parser or with the same Scratch, and as long as the bytes
  // that `input` viewed. Of an error: a literal, fit to be the reason in a close frame.
  std::string_view text;
};

// What all parsers of one thread share.
struct Scratch {
  Inflater inflater;
  std::unique_ptr<Inflater> spare;  // of a message that came in pieces; for the next one
};

enum class Role : uint8_t {
  server,  // peer is a client: its frames must be masked
  client,  // peer is a server: its frames must not be
};

struct Violation;  // a rule and the code for breaking it, in parser.cc

// The most that ParserOptions::message_bytes_max may be.
inline constexpr uint32_t kMessageBytesMax = 1u << 30;

struct ParserOptions {
  Role role = Role::server;
  bool deflate = false;  // permessage-deflate was negotiated
  // Of a whole message, reassembled and inflated. A frame that announces more is refused at its header.
  uint32_t message_bytes_max = 65536;
};

// One per connection, small while nothing is unfinished, which is nearly always.
class Parser {
 public:
  explicit Parser(const ParserOptions& options);

  // The next event in `input`, whose front moves past what was consumed; that part is unmasked in place,
  // the rest is untouched and may be kept and given later. Bytes after a close or an error are ignored.
  Event next(std::span<char>& input, Scratch& scratch);

  // A frame or a fragmented message has begun and not ended: the message deadline runs.
  bool unfinished() const;
  // Close or error was returned.
  bool ended() const { return ended_; }
  // Heap memory of this parser: what is buffered by capacity, and the allocator's share. The object itself
  // is sizeof(Parser). Never above message_bytes_max plus 256, and 48 KiB more while a compressed message is
  // unfinished: that is inflated as it comes, so that one which is too large is known by its first bytes.
  size_t bytes_kept() const { return kept_.bytes_kept() + (inflating_ ? inflating_->bytes_kept() : 0); }

 private:
  struct Header;

  Header read_header(std::span<char>& input);
  Header decode_header(std::string_view bytes) const;
  const Violation* check_first(uint8_t first) const;
  const Violation* check_second(uint8_t first, uint8_t second) const;
  const Violation* check_length(uint8_t first, uint64_t size, size_t length_end) const;
  uint64_t data_bytes_max(bool compressed) const;
  void begin_frame(const Header& header);
  Event take_payload(std::span<char>& input, Scratch& scratch);
  Event take_data(std::string_view chunk, Scratch& scratch);
  Event take_compressed(std::string_view chunk, Scratch& scratch);
  Event take_control(std::string_view chunk);
  Event inflated(const Inflater::Inflated& message);
  Event close(std::string_view payload);
  Event fail(const Violation& violation);
  void keep(std::string_view chunk);
  void drop_delivered(Scratch& scratch);
  size_t kept_message_bytes() const { return kept_.size() - control_bytes_kept_; }
  // Of the unfinished message, as they came.
  size_t message_bytes() const {
    return !in_message_ ? 0 : compressed_ ? compressed_bytes_ : kept_message_bytes();
  }

  UnfinishedBuffer kept_;  // the unfinished message unless compressed, then the unfinished control frame
  std::unique_ptr<Inflater> inflating_;  // the unfinished compressed message
  uint32_t compressed_bytes_ = 0;        // of it, as they came
  uint32_t message_bytes_max_;
  uint32_t payload_left_ = 0;
  MaskKey mask_{};
  char header_[kFrameHeaderMax] = {};  // of a header cut by the end of the input
  uint8_t header_bytes_ = 0;
  uint8_t control_bytes_kept_ = 0;
  Opcode opcode_ = Opcode::continuation;  // of the current frame
  Utf8Validator utf8_;
  Role role_;
  bool deflate_ : 1;
  bool in_payload_ : 1 = false;
  bool fin_ : 1 = false;
  bool in_message_ : 1 = false;  // a data frame has begun and the message has not ended
  bool compressed_ : 1 = false;
  bool delivered_ : 1 = false;  // the last event's text is in kept_
  bool ended_ : 1 = false;
};
static_assert(sizeof(Parser) <= 64);

}  // namespace gw::ws
