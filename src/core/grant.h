// What a connection may use, and what follows for what it gets: said here and nowhere else.
#pragma once

#include <string_view>

#include "core/channel.h"
#include "core/session.h"

namespace gw {

// As its session says, or `anonymous` without one.
inline ChannelSet granted_channels(const Session* session, ChannelSet anonymous) {
  return session ? session->channels : anonymous;
}

// The channels whose publications reach it.
inline ChannelSet received_channels(ChannelSet wanted, ChannelSet granted) {
  return wanted.without(wanted.without(granted));
}

// Whether somebody bound to a tenant (empty: to none) may see what belongs to `owner` (empty: to none).
inline bool is_visible_to(std::string_view viewer, std::string_view owner) {
  return viewer.empty() || viewer == owner;
}

}  // namespace gw
