// The id of an entry of a Redis stream: `<milliseconds>-<sequence>`
// (https://redis.io/docs/latest/develop/data-types/streams/#entry-ids). Pure.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gw::redis {

struct StreamId {
  uint64_t ms = 0;
  uint64_t sequence = 0;

  // Empty: not an id, written as Redis writes it.
  static std::optional<StreamId> parse(std::string_view text);
  std::string text() const;
  auto operator<=>(const StreamId&) const = default;
};

}  // namespace gw::redis
