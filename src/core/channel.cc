#include "core/channel.h"

#include <algorithm>

#include "base/assert.h"

namespace gw {

ChannelTable::ChannelTable(std::vector<std::string> names) : names_(std::move(names)) {
  ASSERT(!names_.empty() && names_.size() <= kChannelsMax);
}

std::optional<ChannelIndex> ChannelTable::find(std::string_view name) const {
  // A handful of short names: a scan beats a hash.
  const auto it = std::find(names_.begin(), names_.end(), name);
  if (it == names_.end()) return std::nullopt;
  return static_cast<ChannelIndex>(it - names_.begin());
}

}  // namespace gw
