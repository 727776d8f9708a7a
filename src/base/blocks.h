// Memory in blocks of 256 bytes that are never moved, for many texts that grow a little at a time. A block is
// named by four bytes and has no header: ten thousand growing texts leave no holes between each other. Blocks
// are cut from slabs of a mebibyte; one with no block in use goes back. May be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gw::blocks {

inline constexpr size_t kBytes = 256;

// Throws std::bad_alloc.
uint32_t take();
void give(uint32_t block);
// Of one that was taken, and not given back since.
char* at(uint32_t block);
// How many there are.
size_t slabs();

}  // namespace gw::blocks
