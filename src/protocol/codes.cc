#include "protocol/codes.h"

namespace gw::protocol {

std::string_view to_string(Intent intent) {
  switch (intent) {
    case Intent::chat: return "chat";
    case Intent::query: return "query";
    case Intent::command: return "command";
  }
  return "unknown";
}

std::string_view to_string(AckStatus status) {
  switch (status) {
    case AckStatus::published: return "published";
    case AckStatus::queued: return "queued";
    case AckStatus::duplicate: return "duplicate";
    case AckStatus::asked: return "asked";
    case AckStatus::already: return "already";
    case AckStatus::ended: return "ended";
  }
  return "unknown";
}

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_json: return "invalid_json";
    case ErrorCode::invalid_message: return "invalid_message";
    case ErrorCode::unknown_channel: return "unknown_channel";
    case ErrorCode::forbidden_channel: return "forbidden_channel";
    case ErrorCode::forbidden: return "forbidden";
    case ErrorCode::overloaded: return "overloaded";
    case ErrorCode::rate_limited: return "rate_limited";
    case ErrorCode::internal: return "internal";
    case ErrorCode::unknown_run: return "unknown_run";
    case ErrorCode::too_many_runs: return "too_many_runs";
  }
  return "unknown";
}

std::optional<Intent> parse_intent(std::string_view text) {
  for (const Intent intent : {Intent::chat, Intent::query, Intent::command}) {
    if (text == to_string(intent)) return intent;
  }
  return std::nullopt;
}

}  // namespace gw::protocol
