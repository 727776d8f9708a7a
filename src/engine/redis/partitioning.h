// Where a thing is, of several Redis, or of the slots of a cluster: a fixed function of its name, the same in
// every program and version (docs/PROTOCOL.md, "Partitions").
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw::redis {

inline constexpr size_t kPartitionsMax = 256;

// The first 64 bits of the SHA-256 of a name.
uint64_t name_hash(std::string_view name);
// Of so many partitions: jump consistent hashing (Lamping and Veach, 2014). With one more of them a name
// stays where it is or goes to that one.
size_t partition_of(std::string_view name, size_t count);
// The hash tag that brings every name of this partition into one slot: the least number whose slot is in the
// partition's share of the slots, so that masters with as many slots have as many partitions.
std::string partition_tag(size_t index, size_t count);
// What that begins every name with, behind the key prefix.
inline std::string partition_prefix(size_t index, size_t count) {
  return "{" + partition_tag(index, count) + "}:";
}
// Of a limit for all together what one of them may have; 0: no limit.
constexpr uint64_t partition_share(uint64_t limit, size_t count) { return (limit + count - 1) / count; }

}  // namespace gw::redis
