#include "base/ids.h"

#include <algorithm>

#include "base/hex.h"
#include "base/random.h"

namespace gw {
namespace {

constexpr std::string_view kConnectionPrefix = "ws_";

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

}  // namespace

bool is_valid_name(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || one_of(c, "._@+=-");
  });
}

bool is_valid_channel(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || one_of(c, "_.:-");
  });
}

ConnectionId ConnectionId::make() {
  ConnectionId id;
  secure_random(id.bytes);
  return id;
}

std::optional<ConnectionId> ConnectionId::parse(std::string_view text) {
  ConnectionId id;
  if (!text.starts_with(kConnectionPrefix)) return std::nullopt;
  text.remove_prefix(kConnectionPrefix.size());
  const bool lower_case = std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'F'; });
  if (!lower_case || !from_hex(text, id.bytes)) return std::nullopt;
  return id;
}

std::array<char, 35> ConnectionId::characters() const {
  std::array<char, 35> out;
  kConnectionPrefix.copy(out.data(), kConnectionPrefix.size());
  write_hex(out.data() + kConnectionPrefix.size(), bytes);
  return out;
}

std::string ConnectionId::text() const {
  const std::array<char, 35> out = characters();
  return {out.data(), out.size()};
}

MessageIdSource::MessageIdSource() {
  secure_random({reinterpret_cast<unsigned char*>(&node_), sizeof(node_)});
}

void MessageIdSource::append(std::string& out, int64_t unix_milliseconds) {
  // A clock that steps back must not break the order: stay on the last millisecond and count on.
  if (unix_milliseconds > last_milliseconds_) {
    last_milliseconds_ = unix_milliseconds;
    counter_ = 0;
  } else if (++counter_ == 1u << 26) {
    ++last_milliseconds_;
    counter_ = 0;
  }
  // 48 bits of time, version, 12 counter bits, variant, 14 counter bits, 48 random bits.
  std::array<unsigned char, 16> b;
  const uint64_t ms = static_cast<uint64_t>(last_milliseconds_);
  for (int i = 0; i < 6; ++i) b[static_cast<size_t>(i)] = static_cast<unsigned char>(ms >> (40 - 8 * i));
  b[6] = static_cast<unsigned char>(0x70 | ((counter_ >> 22) & 0x0f));
  b[7] = static_cast<unsigned char>(counter_ >> 14);
  b[8] = static_cast<unsigned char>(0x80 | ((counter_ >> 8) & 0x3f));
  b[9] = static_cast<unsigned char>(counter_);
  const uint64_t tail = node_ ^ (fast_random() << 24);
  for (int i = 0; i < 6; ++i) b[static_cast<size_t>(10 + i)] = static_cast<unsigned char>(tail >> (8 * i));
  const std::span<const unsigned char> all(b);
  std::array<char, 36> text;
  text.fill('-');
  size_t at = 0;
  for (const auto& [from, count] : {std::pair<size_t, size_t>{0, 4}, {4, 2}, {6, 2}, {8, 2}, {10, 6}}) {
    write_hex(text.data() + at, all.subspan(from, count));
    at += 2 * count + 1;
  }
  out.append(text.data(), text.size());
}

}  // namespace gw
