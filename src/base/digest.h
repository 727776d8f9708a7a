// Digests and constant-time comparison (OpenSSL behind it). A session token and an API key are kept
// and compared only as digests.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace gw {

using Digest = std::array<unsigned char, 32>;

Digest sha256(std::string_view data);
// Not for secrets: RFC 6455 wants it.
std::array<unsigned char, 20> sha1(std::string_view data);
// In hex, as Redis names its scripts.
std::string sha1_hex(std::string_view data);
// Time does not depend on where the two differ.
bool equal_constant_time(const Digest& a, const Digest& b);

// A digest is uniform already: its first bytes are a hash.
struct DigestHash {
  size_t operator()(const Digest& digest) const {
    size_t hash;
    std::memcpy(&hash, digest.data(), sizeof(hash));
    return hash;
  }
};

}  // namespace gw
