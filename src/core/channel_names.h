// Sets of channels as instances tell each other of them, in Redis and in tickets: their names between blanks.
// Names this instance does not have, left by one with other channels, are passed over.
#pragma once

#include <string>
#include <string_view>

#include "core/channel.h"

namespace gw {

inline std::string join_channel_names(const ChannelTable& table, ChannelSet channels) {
  std::string out;
  for (size_t i = 0; i < table.size(); ++i) {
    if (!channels.contains(static_cast<ChannelIndex>(i))) continue;
    if (!out.empty()) out.push_back(' ');
    out += table.names()[i];
  }
  return out;
}

inline ChannelSet parse_channel_names(const ChannelTable& table, std::string_view names) {
  ChannelSet out;
  while (!names.empty()) {
    const size_t end = names.find(' ');
    if (const auto channel = table.find(names.substr(0, end))) out.add(*channel);
    names = end == std::string_view::npos ? std::string_view() : names.substr(end + 1);
  }
  return out;
}

}  // namespace gw
