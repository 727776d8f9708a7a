#include "core/channel.h"

#include <algorithm>

#include "base/assert.h"

namespace gw {

ChannelTable::ChannelTable(const std::vector<std::string>& names) {
  ASSERT(!names.empty());
  for (const std::string& name : names) add(name);
}

ChannelIndex ChannelTable::add(std::string name) {
  const size_t index = size();
  ASSERT(index < kChannelsMax && !find(name));
  names_[index] = std::move(name);
  size_.store(index + 1, std::memory_order_release);
  return static_cast<ChannelIndex>(index);
}

std::optional<ChannelIndex> ChannelTable::find(std::string_view name) const {
  // A handful of short names: a scan beats a hash.
  const std::span<const std::string> names = this->names();
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) return std::nullopt;
  return static_cast<ChannelIndex>(it - names.begin());
}

}  // namespace gw
