// The slot of a name in a Redis Cluster: CRC16 of its hash tag, else of all of it
// (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gw::redis {

inline constexpr uint16_t kSlots = 16384;

namespace detail {

// CRC-16/XMODEM, a byte at a time.
constexpr std::array<uint16_t, 256> crc16_table() {
  std::array<uint16_t, 256> table{};
  for (uint32_t byte = 0; byte < table.size(); ++byte) {
    uint32_t crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000U) != 0 ? (crc << 1) ^ 0x1021U : crc << 1;
    table[byte] = static_cast<uint16_t>(crc & 0xFFFFU);
  }
  return table;
}
inline constexpr std::array<uint16_t, 256> kCrc16 = crc16_table();

}  // namespace detail

constexpr uint16_t crc16(std::string_view text) {
  uint32_t crc = 0;
  for (const char c : text) {
    crc = ((crc << 8) & 0xFFFFU) ^ detail::kCrc16[((crc >> 8) ^ static_cast<unsigned char>(c)) & 0xFFU];
  }
  return static_cast<uint16_t>(crc);
}

// What is between the first { and the first } after it; all of the name if that is nothing.
constexpr std::string_view hash_tag(std::string_view key) {
  const size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

constexpr uint16_t slot_of(std::string_view key) { return crc16(hash_tag(key)) % kSlots; }

}  // namespace gw::redis
