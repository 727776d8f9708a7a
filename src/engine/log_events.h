// What both engines log: one event with the same fields for one fact.
#pragma once

#include <string_view>

#include "base/log.h"

namespace gw {

// No agent came within queue-age.
inline void log_expired(std::string_view channel, size_t count) {
  if (count > 0) log::warn("queued_messages_expired", {{"channel", channel}, {"count", count}});
}

// A group, or all of a channel (empty), did not acknowledge them.
inline void log_given_up(std::string_view channel, std::string_view group, std::string_view tenant,
                         size_t count, std::string_view reason) {
  if (count == 0) return;
  log::warn(
      "agent_messages_given_up",
      {{"channel", channel}, {"group", group}, {"tenant_id", tenant}, {"count", count}, {"reason", reason}});
}

}  // namespace gw
