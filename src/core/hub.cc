#include "core/hub.h"

namespace gw {

void Hub::add(ChannelIndex channel, uint32_t slot) {
  std::vector<uint64_t>& words = slots_[channel];
  if (words.size() <= slot / 64) words.resize(slot / 64 + 1);
  words[slot / 64] |= uint64_t{1} << (slot % 64);
}

void Hub::remove(ChannelIndex channel, uint32_t slot) {
  std::vector<uint64_t>& words = slots_[channel];
  if (slot / 64 < words.size()) words[slot / 64] &= ~(uint64_t{1} << (slot % 64));
}

void Hub::remove_all(ChannelSet channels, uint32_t slot) {
  channels.for_each([&](ChannelIndex channel) { remove(channel, slot); });
}

bool Hub::contains(ChannelIndex channel, uint32_t slot) const {
  const std::vector<uint64_t>& words = slots_[channel];
  return slot / 64 < words.size() && (words[slot / 64] >> (slot % 64) & 1) != 0;
}

}  // namespace gw
