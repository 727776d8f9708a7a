// Names that come from outside are checked here before anything uses them (contract: docs/PROTOCOL.md).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace gw {

// User, session, tenant, client and realm ids: [A-Za-z0-9._@+=-]{1,128}.
bool is_valid_name(std::string_view text);
// Channels: [a-z0-9_.:-]{1,64}. Whether it is one of the configured ones is core/channels' to say.
bool is_valid_channel(std::string_view text);

// The public name of a connection: "ws_" and 128 random bits in hex. Kept as 16 bytes.
struct ConnectionId {
  std::array<unsigned char, 16> bytes{};

  static ConnectionId make();
  static std::optional<ConnectionId> parse(std::string_view text);
  std::array<char, 35> characters() const;
  std::string text() const;

  friend bool operator==(const ConnectionId&, const ConnectionId&) = default;
};

// Where a connection lives inside this process. A reused slot has a new generation, so a stale handle
// reaches nobody.
struct ConnectionHandle {
  uint32_t shard = 0;
  uint32_t slot = 0;
  uint32_t generation = 0;

  friend bool operator==(const ConnectionHandle&, const ConnectionHandle&) = default;
};

// A UUIDv7 (RFC 9562): unique, and sortable as text by the time it was made.
// One per thread; within a millisecond a counter keeps the order.
class MessageIdSource {
 public:
  MessageIdSource();
  // 36 characters.
  void append(std::string& out, int64_t unix_milliseconds);

 private:
  int64_t last_milliseconds_ = 0;
  uint32_t counter_ = 0;
  uint64_t node_ = 0;
};

}  // namespace gw

template <>
struct std::hash<gw::ConnectionId> {
  size_t operator()(const gw::ConnectionId& id) const noexcept {
    size_t value;
    std::memcpy(&value, id.bytes.data(), sizeof(value));
    return value;
  }
};
