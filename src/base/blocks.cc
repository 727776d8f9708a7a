#include "base/blocks.h"

#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <set>

#include "base/assert.h"

namespace gw::blocks {
namespace {

constexpr uint32_t kOfSlab = (size_t{1} << 20) / kBytes;
// A tebibyte of blocks.
constexpr size_t kSlabsMax = (size_t{1} << 32) / kOfSlab;

struct Slab {
  uint32_t used = 0;
  uint32_t fresh = 0;       // so many of its blocks were ever taken: pages behind them cost nothing yet
  uint32_t free = kOfSlab;  // the first that was given back; each names the next; kOfSlab: there is none
  char bytes[kOfSlab * kBytes];
};

// By number. Zero pages until they are used; what was taken is found without a lock.
std::atomic<Slab*> all_slabs[kSlabsMax];

struct Pool {
  std::mutex mutex;
  std::set<uint32_t> with_room;  // the lowest first, so that the others become empty
  std::set<uint32_t> gone;       // numbers below `numbers` without a slab
  uint32_t numbers = 0;
};

// Lives as long as the process: texts may be statics.
Pool& pool() {
  static Pool* const pool = new Pool;
  return *pool;
}

char* block_of(Slab& slab, uint32_t index) { return slab.bytes + index * kBytes; }

// Not of the heap: among what is small and stays, a slab that was given back to it would stay, too.
Slab* make_slab() {
  void* const memory =
      mmap(nullptr, sizeof(Slab), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return new (memory) Slab;
}

void add_slab(Pool& pool) {
  if (pool.gone.empty() && pool.numbers == kSlabsMax) throw std::bad_alloc();
  const auto number = pool.gone.empty() ? pool.numbers : *pool.gone.begin();
  Slab* const slab = make_slab();
  pool.with_room.insert(number);
  all_slabs[number].store(slab, std::memory_order_release);
  if (number == pool.numbers)
    ++pool.numbers;
  else
    pool.gone.erase(number);
}

}  // namespace

uint32_t take() {
  Pool& pool = blocks::pool();
  const std::lock_guard lock(pool.mutex);
  if (pool.with_room.empty()) add_slab(pool);
  const uint32_t number = *pool.with_room.begin();
  Slab& slab = *all_slabs[number].load(std::memory_order_relaxed);
  uint32_t index = slab.fresh;
  if (slab.free != kOfSlab) {
    index = slab.free;
    std::memcpy(&slab.free, block_of(slab, index), sizeof slab.free);
  } else {
    ++slab.fresh;
  }
  if (++slab.used == kOfSlab) pool.with_room.erase(number);
  return number * kOfSlab + index;
}

void give(uint32_t block) {
  Pool& pool = blocks::pool();
  const std::lock_guard lock(pool.mutex);
  const uint32_t number = block / kOfSlab, index = block % kOfSlab;
  Slab* const slab = all_slabs[number].load(std::memory_order_relaxed);
  ASSERT(slab != nullptr && slab->used > 0);
  std::memcpy(block_of(*slab, index), &slab->free, sizeof slab->free);
  slab->free = index;
  if (--slab->used == kOfSlab - 1) pool.with_room.insert(number);
  // One with room is kept, so that a block that comes and goes does not take its slab along.
  if (slab->used > 0 || pool.with_room.size() == 1) return;
  pool.with_room.erase(number);
  pool.gone.insert(number);
  all_slabs[number].store(nullptr, std::memory_order_relaxed);
  munmap(slab, sizeof(Slab));
}

char* at(uint32_t block) {
  return block_of(*all_slabs[block / kOfSlab].load(std::memory_order_acquire), block % kOfSlab);
}

size_t slabs() {
  Pool& pool = blocks::pool();
  const std::lock_guard lock(pool.mutex);
  return pool.numbers - pool.gone.size();
}

}  // namespace gw::blocks
