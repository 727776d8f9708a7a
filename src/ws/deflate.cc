#include "ws/deflate.h"

#include <zlib.h>

#include <algorithm>
#include <new>

#include "base/assert.h"

namespace gw::ws {
namespace {

constexpr int kClientWindowBits = 15;  // we never ask a client for less
constexpr int kCompressionLevel = 6;
// With a window of 2^12, more memory than this would only cost time to reset.
constexpr int kMemoryLevel = 5;
constexpr std::string_view kTail("\x00\x00\xff\xff", 4);
// Above this the output of one large message is not held on to for the next.
constexpr size_t kOutputKeptMax = 1 << 20;
constexpr size_t kOutputMin = 4096;
// Two bytes can be a stream of their own, and beginning one costs as much as inflating hundreds of others.
constexpr uint32_t kStreamsMax = 1024;
// What zlib takes for its state, and for the window once something is in it.
constexpr size_t kInflateStateBytes = 10 * 1024 + (size_t{1} << kClientWindowBits);

// zlib takes non-const input but does not write to it.
void set_input(z_stream& stream, std::string_view bytes) {
  ASSERT(bytes.size() <= UINT32_MAX);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
}

void set_output(z_stream& stream, std::span<char> room) {
  stream.next_out = reinterpret_cast<Bytef*>(room.data());
  stream.avail_out = static_cast<uInt>(room.size());
}

// "8" to "15", decimal, no leading zero (RFC 7692 7.1.2).
std::optional<int> window_bits(std::string_view value) {
  for (int bits = 8; bits <= 15; ++bits) {
    if (value == std::to_string(bits)) return bits;
  }
  return std::nullopt;
}

bool has_duplicate(const std::vector<ExtensionParameter>& parameters) {
  for (auto it = parameters.begin(); it != parameters.end(); ++it) {
    const auto same = [&](const ExtensionParameter& other) { return other.name == it->name; };
    if (std::any_of(std::next(it), parameters.end(), same)) return true;
  }
  return false;
}

bool acceptable(const ExtensionParameter& parameter) {
  const std::string_view name = parameter.name;
  const auto& value = parameter.value;
  if (name == "server_no_context_takeover" || name == "client_no_context_takeover") return !value;
  // What the client promises about its own window is no concern of ours: we can always read 2^15.
  if (name == "client_max_window_bits") return !value || window_bits(*value);
  if (name != "server_max_window_bits" || !value) return false;
  return window_bits(*value).value_or(0) >= kServerWindowBits;
}

bool names(const ExtensionOffer& offer, std::string_view name) {
  return std::any_of(offer.parameters.begin(), offer.parameters.end(),
                     [&](const ExtensionParameter& parameter) { return parameter.name == name; });
}

}  // namespace

std::optional<std::string> negotiate_deflate(std::span<const ExtensionOffer> offers) {
  for (const ExtensionOffer& offer : offers) {
    if (offer.name != "permessage-deflate" || has_duplicate(offer.parameters)) continue;
    if (!std::all_of(offer.parameters.begin(), offer.parameters.end(), acceptable)) continue;
    std::string answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    if (names(offer, "server_max_window_bits")) {
      answer += "; server_max_window_bits=" + std::to_string(kServerWindowBits);
    }
    return answer;
  }
  return std::nullopt;
}

Inflater::Inflater() : stream_(std::make_unique<z_stream>()) {
  // Negative: raw DEFLATE, no zlib header.
  if (inflateInit2(stream_.get(), -kClientWindowBits) != Z_OK) throw std::bad_alloc();
}

Inflater::~Inflater() {
  if (stream_) inflateEnd(stream_.get());
}

Inflater::Inflater(Inflater&&) noexcept = default;

Inflater& Inflater::operator=(Inflater&& other) noexcept {
  std::swap(stream_, other.stream_);
  std::swap(output_, other.output_);
  std::swap(produced_, other.produced_);
  std::swap(streams_ended_, other.streams_ended_);
  std::swap(at_block_end_, other.at_block_end_);
  return *this;
}

Inflater::Inflated Inflater::inflate(std::string_view payload, size_t size_max) {
  begin();
  const Status status = append(payload, size_max);
  if (status != Status::ok) return {status, {}};
  return finish(size_max);
}

void Inflater::begin() {
  reset();
  if (output_.size() > kOutputKeptMax) output_ = {};
  produced_ = 0;
  streams_ended_ = 0;
}

Inflater::Status Inflater::append(std::string_view piece, size_t size_max) {
  return piece.empty() ? Status::ok : feed(piece, size_max);
}

Inflater::Inflated Inflater::finish(size_t size_max) {
  Status status = Status::ok;
  // The sender cut the tail off its last block. A payload that is whole without it (it ends in a block
  // with BFINAL, or is empty) needs none.
  if (!at_block_end_) status = feed(kTail, size_max);
  if (status == Status::ok && !at_block_end_) status = Status::corrupt;
  if (status != Status::ok) return {status, {}};
  return {status, std::string_view(output_).substr(0, produced_)};
}

size_t Inflater::bytes_kept() const { return output_.capacity() + kInflateStateBytes; }

void Inflater::reset() {
  const int result = inflateReset(stream_.get());
  ASSERT(result == Z_OK);
  at_block_end_ = true;
}

Inflater::Status Inflater::feed(std::string_view bytes, size_t size_max) {
  z_stream& stream = *stream_;
  set_input(stream, bytes);
  while (true) {
    const std::span<char> room = output_room(size_max);
    set_output(stream, room);
    const int result = ::inflate(&stream, Z_SYNC_FLUSH);
    produced_ += room.size() - stream.avail_out;
    if (produced_ > size_max) return Status::too_large;
    switch (result) {
      case Z_STREAM_END:
        // BFINAL ends a stream, not the message: another may follow (RFC 7692 7.2.3.5).
        reset();
        if (++streams_ended_ > kStreamsMax) return Status::corrupt;
        if (stream.avail_in == 0) return Status::ok;
        break;
      case Z_OK:
      case Z_BUF_ERROR:  // no progress, for want of input or of room
        at_block_end_ = (stream.data_type & 128) != 0;
        if (stream.avail_out > 0) return Status::ok;
        break;
      case Z_MEM_ERROR: return Status::no_memory;
      default: return Status::corrupt;
    }
  }
}

// Never empty: one byte more than allowed tells a message that is too large from one that just fits.
std::span<char> Inflater::output_room(size_t size_max) {
  const size_t wanted =
      produced_ < output_.size() ? output_.size() : std::max(2 * output_.size(), kOutputMin);
  // The last step is made whole: a string that grows by less than double takes double all the same.
  const size_t size = wanted > (size_max + 1) / 2 ? size_max + 1 : wanted;
  if (size > output_.size()) output_.resize(size);
  return std::span<char>(output_).first(size).subspan(produced_);
}

Deflater::Deflater() : stream_(std::make_unique<z_stream>()) {
  const int result = deflateInit2(stream_.get(), kCompressionLevel, Z_DEFLATED, -kServerWindowBits,
                                  kMemoryLevel, Z_DEFAULT_STRATEGY);
  if (result != Z_OK) throw std::bad_alloc();
}

Deflater::~Deflater() {
  if (stream_) deflateEnd(stream_.get());
}

Deflater::Deflater(Deflater&&) noexcept = default;

Deflater& Deflater::operator=(Deflater&& other) noexcept {
  std::swap(stream_, other.stream_);
  std::swap(output_, other.output_);
  return *this;
}

std::string_view Deflater::compress(std::string_view message) {
  z_stream& stream = *stream_;
  const int reset = deflateReset(&stream);
  ASSERT(reset == Z_OK);
  if (output_.size() > kOutputKeptMax) output_ = {};
  // The bound is for a finished stream. A flushed one ends in an empty block instead: a few bytes more.
  const size_t bound = deflateBound(&stream, static_cast<uLong>(message.size())) + 16;
  if (output_.size() < bound) output_.resize(bound);
  set_input(stream, message);
  set_output(stream, output_);
  const int result = deflate(&stream, Z_SYNC_FLUSH);
  ASSERT(result == Z_OK && stream.avail_in == 0 && stream.avail_out > 0);
  const std::string_view flushed = std::string_view(output_).substr(0, output_.size() - stream.avail_out);
  ASSERT(flushed.ends_with(kTail));
  return flushed.substr(0, flushed.size() - kTail.size());
}

}  // namespace gw::ws
