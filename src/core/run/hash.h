// The folding hash of a run's log: h = (h * B + byte + 1) mod M from 0, in two moduli, so that
// h(xy) = h(x) * B^|y| + h(y). Exact in doubles, so Lua and JavaScript compute the same. It finds accidents;
// no security is claimed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gw {

struct RunHash {
  static constexpr uint64_t kModulus1 = 67108859, kBase1 = 31415927;
  static constexpr uint64_t kModulus2 = 67108837, kBase2 = 27182819;

  uint32_t first = 0;   // below kModulus1
  uint32_t second = 0;  // below kModulus2

  // Of what this is the hash of, followed by `bytes`.
  RunHash then(std::string_view bytes) const;
  // The same where only the hash of those `length` bytes is known.
  RunHash then(RunHash bytes, uint64_t length) const;
  static RunHash of(std::string_view bytes) { return RunHash{}.then(bytes); }

  // Seven hex digits each: always 14 characters.
  std::string text() const;
  static std::optional<RunHash> parse(std::string_view text);

  friend bool operator==(RunHash, RunHash) = default;
};

}  // namespace gw
