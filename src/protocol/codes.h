// The closed vocabularies of docs/PROTOCOL.md.
#pragma once

#include <optional>
#include <string_view>

namespace gw::protocol {

enum class Intent { chat, query, command };
enum class AckStatus { published, queued, duplicate };
enum class ErrorCode {
  invalid_json,
  invalid_message,
  unknown_channel,
  forbidden_channel,
  forbidden,
  overloaded,
  rate_limited,
  internal,
};

std::string_view to_string(Intent intent);
std::string_view to_string(AckStatus status);
std::string_view to_string(ErrorCode code);

std::optional<Intent> parse_intent(std::string_view text);

// Messages that clients compare with.
inline constexpr std::string_view kInvalidJsonMessage = "Invalid message format";
inline constexpr std::string_view kOverloadedMessage = "Message rejected: system overloaded";
inline constexpr std::string_view kInternalMessage = "Message processing failed";

}  // namespace gw::protocol
