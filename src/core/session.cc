#include "core/session.h"

#include <array>
#include <utility>

namespace gw {
namespace {

constexpr std::array<std::pair<SessionStatus, std::string_view>, 4> kNames{{
    {SessionStatus::active, "active"},
    {SessionStatus::inactive, "inactive"},
    {SessionStatus::expired, "expired"},
    {SessionStatus::suspended, "suspended"},
}};

}  // namespace

std::string_view to_string(SessionStatus status) { return kNames[static_cast<size_t>(status)].second; }

std::optional<SessionStatus> parse_session_status(std::string_view text) {
  for (const auto& [status, name] : kNames) {
    if (name == text) return status;
  }
  return std::nullopt;
}

}  // namespace gw
