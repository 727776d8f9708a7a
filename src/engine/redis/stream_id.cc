#include "engine/redis/stream_id.h"

#include <charconv>

namespace gw::redis {

std::optional<StreamId> StreamId::parse(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto number = [](std::string_view digits, uint64_t& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    const bool canonical = digits.size() == 1 || !digits.starts_with('0');
    return error == std::errc() && end == digits.data() + digits.size() && canonical;
  };
  StreamId id;
  if (!number(text.substr(0, dash), id.ms) || !number(text.substr(dash + 1), id.sequence))
    return std::nullopt;
  return id;
}

std::string StreamId::text() const { return std::to_string(ms) + "-" + std::to_string(sequence); }

}  // namespace gw::redis
