// Linked in place of base/clock.cc and base/random.cc: what reads a clock or takes a random number anywhere
// in the product gets the world's, so that a seed replays.
#include "base/assert.h"
#include "base/hex.h"
#include "base/random.h"
#include "base/time.h"
#include "sim/world.h"

namespace gw {

TimePoint steady_now() { return sim::World::here().now(); }
WallTime wall_now() { return sim::World::here().wall_now(); }
int64_t unix_nanoseconds() { return sim::World::here().unix_ms() * 1'000'000; }

uint64_t fast_random() { return sim::World::here().random.next(); }

void secure_random(std::span<unsigned char> out) {
  for (unsigned char& byte : out) byte = static_cast<unsigned char>(fast_random());
}

std::string secure_random_hex(size_t bytes) {
  std::array<unsigned char, 64> raw;
  ASSERT(bytes <= raw.size());
  const std::span<unsigned char> used(raw.data(), bytes);
  secure_random(used);
  return to_hex(used);
}

}  // namespace gw
