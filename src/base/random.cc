#include "base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "base/hex.h"

namespace gw {
namespace {

struct Pool {
  std::array<unsigned char, 1024> bytes;
  size_t used = sizeof(bytes);

  void refill() {
    size_t got = 0;
    while (got < bytes.size()) {
      const ssize_t n = getrandom(bytes.data() + got, bytes.size() - got, 0);
      if (n < 0 && errno == EINTR) continue;
      ASSERT(n > 0);
      got += static_cast<size_t>(n);
    }
    used = 0;
  }
};

}  // namespace

void secure_random(std::span<unsigned char> out) {
  thread_local Pool pool;
  while (!out.empty()) {
    if (pool.used == pool.bytes.size()) pool.refill();
    const size_t n = std::min(out.size(), pool.bytes.size() - pool.used);
    std::memcpy(out.data(), pool.bytes.data() + pool.used, n);
    // What has been handed out must not lie around in memory.
    std::memset(pool.bytes.data() + pool.used, 0, n);
    pool.used += n;
    out = out.subspan(n);
  }
}

std::string secure_random_hex(size_t bytes) {
  std::array<unsigned char, 64> raw;
  ASSERT(bytes <= raw.size());
  const std::span<unsigned char> used(raw.data(), bytes);
  secure_random(used);
  return to_hex(used);
}

uint64_t fast_random() {  // splitmix64 (Steele, Lea, Flood 2014)
  thread_local uint64_t state = [] {
    uint64_t seed = 0;
    secure_random({reinterpret_cast<unsigned char*>(&seed), sizeof(seed)});
    return seed;
  }();
  uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace gw
