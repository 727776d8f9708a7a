#include "engine/redis/partitioning.h"

#include "base/assert.h"
#include "base/digest.h"
#include "engine/redis/cluster_slot.h"

namespace gw::redis {

uint64_t name_hash(std::string_view name) {
  const Digest digest = sha256(name);
  uint64_t hash = 0;
  for (size_t i = 0; i < sizeof(hash); ++i) hash = hash << 8 | digest[i];
  return hash;
}

size_t partition_of(std::string_view name, size_t count) {
  ASSERT(count > 0);
  if (count == 1) return 0;
  constexpr double kTwoTo31 = 2147483648.0;
  uint64_t state = name_hash(name);
  size_t at = 0;
  for (double next = 0; next < static_cast<double>(count);) {
    at = static_cast<size_t>(next);
    state = state * 2862933555777941757u + 1;
    next = static_cast<double>(at + 1) * (kTwoTo31 / static_cast<double>((state >> 33) + 1));
  }
  return at;
}

std::string partition_tag(size_t index, size_t count) {
  ASSERT(index < count && count <= kPartitionsMax);
  const size_t begin = index * size_t{kSlots} / count, end = (index + 1) * size_t{kSlots} / count;
  for (size_t number = 0;; ++number) {
    const std::string tag = std::to_string(number);
    const size_t slot = slot_of(tag);
    if (slot >= begin && slot < end) return tag;
  }
}

}  // namespace gw::redis
