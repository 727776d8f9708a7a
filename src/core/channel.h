// The configured channels. Inside the process a channel is its index; names appear at the edges.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gw {

using ChannelIndex = uint8_t;
inline constexpr size_t kChannelsMax = 64;

// A set of channels, as the bits of one word.
class ChannelSet {
 public:
  static ChannelSet all() { return ChannelSet(~uint64_t{0}); }
  ChannelSet() = default;

  void add(ChannelIndex channel) { bits_ |= bit(channel); }
  void remove(ChannelIndex channel) { bits_ &= ~bit(channel); }
  bool contains(ChannelIndex channel) const { return (bits_ & bit(channel)) != 0; }
  // Members of this set that `other` lacks.
  ChannelSet without(ChannelSet other) const { return ChannelSet(bits_ & ~other.bits_); }

  template <class F>
  void for_each(F&& visit) const {
    for (uint64_t rest = bits_; rest != 0; rest &= rest - 1)
      visit(static_cast<ChannelIndex>(std::countr_zero(rest)));
  }

  friend bool operator==(ChannelSet, ChannelSet) = default;

 private:
  explicit ChannelSet(uint64_t bits) : bits_(bits) {}
  static uint64_t bit(ChannelIndex channel) { return uint64_t{1} << channel; }

  uint64_t bits_ = 0;
};

// Shared by all threads. Names are added, by one thread, and never change or go: an index stays what it is.
class ChannelTable {
 public:
  // 1 to kChannelsMax valid, distinct names (app/config has checked them).
  explicit ChannelTable(const std::vector<std::string>& names);

  std::optional<ChannelIndex> find(std::string_view name) const;
  // `channel` is below the size() that the caller has seen.
  const std::string& name(ChannelIndex channel) const { return names_[channel]; }
  std::span<const std::string> names() const { return {names_.data(), size()}; }
  size_t size() const { return size_.load(std::memory_order_acquire); }

  // Control loop only. A new name, and there is room for it.
  ChannelIndex add(std::string name);

 private:
  std::array<std::string, kChannelsMax> names_;
  std::atomic<size_t> size_ = 0;  // those before it are read; the one at it may be being written
};

}  // namespace gw
