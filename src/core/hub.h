// Which of a shard's connections are subscribed to which channel (Centrifuge's word).
// A bitmap per channel over the shard's slots: a subscription costs one bit, a fan-out walks set bits.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "core/channel.h"

namespace gw {

class Hub {
 public:
  void add(ChannelIndex channel, uint32_t slot);
  void remove(ChannelIndex channel, uint32_t slot);
  void remove_all(ChannelSet channels, uint32_t slot);
  bool contains(ChannelIndex channel, uint32_t slot) const;

  // In slot order. `visit` must not change the hub.
  template <class F>
  void for_each(ChannelIndex channel, F&& visit) const {
    const std::vector<uint64_t>& words = slots_[channel];
    for (size_t w = 0; w < words.size(); ++w) {
      for (uint64_t rest = words[w]; rest != 0; rest &= rest - 1) {
        visit(static_cast<uint32_t>(w * 64 + static_cast<size_t>(std::countr_zero(rest))));
      }
    }
  }

 private:
  std::array<std::vector<uint64_t>, kChannelsMax> slots_;
};

}  // namespace gw
