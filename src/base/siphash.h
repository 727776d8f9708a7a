// SipHash-2-4 with 128 bits (Aumasson and Bernstein 2012): tells apart what strangers write, as long as they
// do not know the key. A quarter of what a SHA-256 of something short costs.
#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

namespace gw {

struct SipHash {
  uint64_t low = 0;
  uint64_t high = 0;

  friend bool operator==(const SipHash&, const SipHash&) = default;
  friend auto operator<=>(const SipHash&, const SipHash&) = default;
};

struct SipKey {
  uint64_t low = 0;
  uint64_t high = 0;

  static SipKey random();
};

SipHash siphash(const SipKey& key, std::string_view data);

}  // namespace gw
