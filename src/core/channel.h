// The configured channels. Inside the process a channel is its index; names appear at the edges.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
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

// Immutable after start; shared by all threads.
class ChannelTable {
 public:
  // At most kChannelsMax valid, distinct names (app/config has checked them).
  explicit ChannelTable(std::vector<std::string> names);

  std::optional<ChannelIndex> find(std::string_view name) const;
  const std::string& name(ChannelIndex channel) const { return names_[channel]; }
  const std::vector<std::string>& names() const { return names_; }
  size_t size() const { return names_.size(); }

 private:
  const std::vector<std::string> names_;
};

}  // namespace gw
