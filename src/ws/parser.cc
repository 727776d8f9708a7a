#include "ws/parser.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace gw::ws {

struct Violation {
  CloseCode code;
  std::string_view reason;
};

namespace {

constexpr Violation kReservedBits{close_code::protocol_error, "reserved bit set"};
constexpr Violation kReservedOpcode{close_code::protocol_error, "reserved opcode"};
constexpr Violation kFragmentedControl{close_code::protocol_error, "control frame fragmented"};
constexpr Violation kLongControl{close_code::protocol_error, "control frame longer than 125 bytes"};
constexpr Violation kUnmasked{close_code::protocol_error, "client frame not masked"};
constexpr Violation kMasked{close_code::protocol_error, "server frame masked"};
constexpr Violation kLengthForm{close_code::protocol_error, "payload length not in its shortest form"};
constexpr Violation kLengthTopBit{close_code::protocol_error, "payload length with its top bit set"};
constexpr Violation kNothingToContinue{close_code::protocol_error, "continuation without a message"};
constexpr Violation kInterrupted{close_code::protocol_error, "new message inside a fragmented one"};
constexpr Violation kCloseSize{close_code::protocol_error, "close frame with half a code"};
constexpr Violation kCloseCode{close_code::protocol_error, "close code not allowed"};
constexpr Violation kBinary{close_code::unsupported_data, "binary frames are not accepted"};
constexpr Violation kNotUtf8{close_code::invalid_payload, "text is not UTF-8"};
constexpr Violation kReasonNotUtf8{close_code::invalid_payload, "close reason is not UTF-8"};
// RFC 7692 names no code. The frames are sound, their contents are not what they claim to be: that is 1007
// rather than 1002.
constexpr Violation kCorrupt{close_code::invalid_payload, "compressed message is corrupt"};
constexpr Violation kTooBig{close_code::message_too_big, "message larger than the limit"};
constexpr Violation kNoMemory{close_code::internal_error, "out of memory"};

constexpr uint8_t kFin = 0x80;
constexpr uint8_t kRsv1 = 0x40;
constexpr uint8_t kRsv23 = 0x30;
constexpr uint8_t kOpcodeBits = 0x0F;
constexpr uint8_t kMaskBit = 0x80;
constexpr uint8_t kLengthBits = 0x7F;
constexpr uint8_t kLength16 = 126;
constexpr uint8_t kLength64 = 127;

// A message of the largest size that does not compress is a little longer as DEFLATE than as it was
// (stored blocks), and must still get through.
constexpr uint64_t compressed_bytes_max(uint64_t message_bytes_max) {
  return message_bytes_max + message_bytes_max / 16 + 64;
}

uint64_t big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

bool is_known(Opcode opcode) {
  switch (opcode) {
    case Opcode::continuation:
    case Opcode::text:
    case Opcode::binary:
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong: return true;
  }
  return false;
}

}  // namespace

// Complete when `size` is not 0; `violation` may be known before that.
struct Parser::Header {
  size_t size = 0;
  const Violation* violation = nullptr;
  uint64_t payload_size = 0;
  uint8_t first = 0;
  MaskKey mask{};
};

Parser::Parser(const ParserOptions& options)
    : message_bytes_max_(options.message_bytes_max), role_(options.role), deflate_(options.deflate) {
  ASSERT(message_bytes_max_ <= kMessageBytesMax);
}

Event Parser::next(std::span<char>& input, Scratch& scratch) {
  drop_delivered(scratch);
  while (!ended_) {
    if (!in_payload_) {
      const Header header = read_header(input);
      if (header.violation != nullptr) return fail(*header.violation);
      if (header.size == 0) return {};
      begin_frame(header);
    }
    // A frame without payload ends with its header, so that empty input may still complete one.
    if (input.empty() && payload_left_ > 0) return {};
    const Event event = take_payload(input, scratch);
    if (event.kind != Event::Kind::none) return event;
  }
  input = input.last(0);
  return {};
}

bool Parser::unfinished() const { return !ended_ && (in_payload_ || in_message_ || header_bytes_ > 0); }

// The text of the last event has had its one call of life.
void Parser::drop_delivered(Scratch& scratch) {
  if (ended_) {
    kept_.truncate(0);
    inflating_.reset();  // a close may come in the middle of a message
  } else if (delivered_ && control_bytes_kept_ > 0) {
    kept_.truncate(kept_message_bytes());
  } else if (delivered_) {
    kept_.truncate(0);
    if (inflating_) scratch.spare = std::move(inflating_);
  }
  control_bytes_kept_ = delivered_ ? 0 : control_bytes_kept_;
  delivered_ = false;
}

Parser::Header Parser::read_header(std::span<char>& input) {
  if (header_bytes_ == 0) {
    const Header header = decode_header({input.data(), input.size()});
    if (header.size > 0 || header.violation != nullptr) {
      input = input.subspan(header.size);
      return header;
    }
  }
  while (!input.empty()) {
    header_[header_bytes_++] = input.front();
    input = input.subspan(1);
    const Header header = decode_header({header_, header_bytes_});
    if (header.violation != nullptr) return header;
    if (header.size > 0) {
      header_bytes_ = 0;
      return header;
    }
  }
  return {};
}

// Checks each part as soon as its bytes are there and in the order of the wire: how the bytes were cut into
// reads never changes the verdict.
Parser::Header Parser::decode_header(std::string_view bytes) const {
  Header header;
  if (bytes.empty()) return header;
  header.first = static_cast<uint8_t>(bytes[0]);
  header.violation = check_first(header.first);
  if (header.violation != nullptr || bytes.size() < 2) return header;

  const uint8_t second = static_cast<uint8_t>(bytes[1]);
  header.violation = check_second(header.first, second);
  const uint8_t length = second & kLengthBits;
  const size_t length_end = length == kLength64 ? 10 : length == kLength16 ? 4 : 2;
  if (header.violation != nullptr || bytes.size() < length_end) return header;

  header.payload_size = length_end == 2 ? length : big_endian(bytes.substr(2, length_end - 2));
  header.violation = check_length(header.first, header.payload_size, length_end);
  const size_t size = length_end + (role_ == Role::server ? header.mask.size() : 0);
  if (header.violation != nullptr || bytes.size() < size) return header;

  if (size > length_end) std::memcpy(header.mask.data(), bytes.data() + length_end, header.mask.size());
  header.size = size;
  return header;
}

const Violation* Parser::check_first(uint8_t first) const {
  const auto opcode = static_cast<Opcode>(first & kOpcodeBits);
  // RSV1 marks a compressed message, on its first frame alone (RFC 7692 6).
  const bool may_compress = deflate_ && (opcode == Opcode::text || opcode == Opcode::binary);
  if ((first & kRsv23) != 0 || ((first & kRsv1) != 0 && !may_compress)) return &kReservedBits;
  if (!is_known(opcode)) return &kReservedOpcode;
  if (is_control(opcode)) return (first & kFin) == 0 ? &kFragmentedControl : nullptr;
  if (opcode == Opcode::continuation) return in_message_ ? nullptr : &kNothingToContinue;
  if (in_message_) return &kInterrupted;
  return opcode == Opcode::binary ? &kBinary : nullptr;
}

const Violation* Parser::check_second(uint8_t first, uint8_t second) const {
  const bool masked = (second & kMaskBit) != 0;
  if (role_ == Role::server && !masked) return &kUnmasked;
  if (role_ == Role::client && masked) return &kMasked;
  const bool control = is_control(static_cast<Opcode>(first & kOpcodeBits));
  return control && (second & kLengthBits) > kControlPayloadMax ? &kLongControl : nullptr;
}

const Violation* Parser::check_length(uint8_t first, uint64_t size, size_t length_end) const {
  if ((size >> 63) != 0) return &kLengthTopBit;
  if (frame_header_size(size) != length_end) return &kLengthForm;
  const auto opcode = static_cast<Opcode>(first & kOpcodeBits);
  if (is_control(opcode)) return nullptr;
  const bool compressed = opcode == Opcode::continuation ? compressed_ : (first & kRsv1) != 0;
  return size > data_bytes_max(compressed) - message_bytes() ? &kTooBig : nullptr;
}

uint64_t Parser::data_bytes_max(bool compressed) const {
  return compressed ? compressed_bytes_max(message_bytes_max_) : message_bytes_max_;
}

void Parser::begin_frame(const Header& header) {
  opcode_ = static_cast<Opcode>(header.first & kOpcodeBits);
  fin_ = (header.first & kFin) != 0;
  payload_left_ = static_cast<uint32_t>(header.payload_size);
  mask_ = header.mask;
  in_payload_ = true;
  if (opcode_ != Opcode::text) return;
  in_message_ = true;
  compressed_ = (header.first & kRsv1) != 0;
  compressed_bytes_ = 0;
  ASSERT(utf8_.complete());  // a message that did not end so was an error
}

Event Parser::take_payload(std::span<char>& input, Scratch& scratch) {
  const std::span<char> chunk = input.first(std::min<size_t>(input.size(), payload_left_));
  input = input.subspan(chunk.size());
  if (role_ == Role::server) {
    apply_mask(chunk, mask_);
    if (chunk.size() < payload_left_) mask_ = rotate_mask(mask_, chunk.size());
  }
  payload_left_ -= static_cast<uint32_t>(chunk.size());
  in_payload_ = payload_left_ > 0;
  const std::string_view bytes(chunk.data(), chunk.size());
  return is_control(opcode_) ? take_control(bytes) : take_data(bytes, scratch);
}

Event Parser::take_data(std::string_view chunk, Scratch& scratch) {
  if (compressed_) return take_compressed(chunk, scratch);
  // Fail fast: text that has gone wrong is not waited for (RFC 6455 8.1).
  if (!utf8_.accept(chunk)) return fail(kNotUtf8);
  if (in_payload_ || !fin_) {
    keep(chunk);
    return {};
  }
  in_message_ = false;
  if (!utf8_.complete()) return fail(kNotUtf8);
  if (kept_.size() == 0) return {Event::Kind::message, 0, chunk};
  keep(chunk);
  delivered_ = true;
  return {Event::Kind::message, 0, kept_.view()};
}

// Nearly always the whole message in one piece, for which the thread's inflater will do.
Event Parser::take_compressed(std::string_view chunk, Scratch& scratch) {
  const bool last = fin_ && !in_payload_;
  if (last) in_message_ = false;
  if (last && !inflating_) return inflated(scratch.inflater.inflate(chunk, message_bytes_max_));
  if (!inflating_) {
    inflating_ = scratch.spare ? std::move(scratch.spare) : std::make_unique<Inflater>();
    inflating_->begin();
  }
  compressed_bytes_ += static_cast<uint32_t>(chunk.size());
  const Inflater::Status status = inflating_->append(chunk, message_bytes_max_);
  if (status != Inflater::Status::ok) return inflated({status, {}});
  if (!last) return {};
  delivered_ = true;
  return inflated(inflating_->finish(message_bytes_max_));
}

Event Parser::inflated(const Inflater::Inflated& message) {
  switch (message.status) {
    case Inflater::Status::ok: break;
    case Inflater::Status::too_large: return fail(kTooBig);
    case Inflater::Status::corrupt: return fail(kCorrupt);
    case Inflater::Status::no_memory: return fail(kNoMemory);
  }
  if (!is_valid_utf8(message.text)) return fail(kNotUtf8);
  return {Event::Kind::message, 0, message.text};
}

Event Parser::take_control(std::string_view chunk) {
  if (in_payload_ || control_bytes_kept_ > 0) {
    keep(chunk);
    control_bytes_kept_ = static_cast<uint8_t>(control_bytes_kept_ + chunk.size());
    if (in_payload_) return {};
    chunk = kept_.view().substr(kept_message_bytes());
    delivered_ = true;
  }
  if (opcode_ == Opcode::close) return close(chunk);
  return {opcode_ == Opcode::ping ? Event::Kind::ping : Event::Kind::pong, 0, chunk};
}

// RFC 6455 5.5.1: nothing, or a code and a reason.
Event Parser::close(std::string_view payload) {
  if (payload.size() == 1) return fail(kCloseSize);
  CloseCode code = close_code::no_status;
  if (!payload.empty()) {
    code = static_cast<CloseCode>(big_endian(payload.substr(0, 2)));
    payload.remove_prefix(2);
    if (!is_wire_close_code(code)) return fail(kCloseCode);
    if (!is_valid_utf8(payload)) return fail(kReasonNotUtf8);
  }
  ended_ = true;
  return {Event::Kind::close, code, payload};
}

Event Parser::fail(const Violation& violation) {
  ended_ = true;
  kept_.truncate(0);
  inflating_.reset();
  return {Event::Kind::error, violation.code, violation.reason};
}

void Parser::keep(std::string_view chunk) {
  // A last frame says how much is still to come; before it, growth is bounded by the limit alone, since
  // room for each small fragment exactly would copy everything for every one of them.
  const size_t exact = kept_.size() + chunk.size() + payload_left_;
  kept_.append(chunk, fin_ ? exact : size_t{message_bytes_max_});
}

}  // namespace gw::ws
