// The closed vocabularies of docs/PROTOCOL.md.
#pragma once

#include <optional>
#include <string_view>

namespace gw::protocol {

enum class Intent { chat, query, command };
// Of a message; asked, already and ended: of a cancel.
enum class AckStatus { published, queued, duplicate, asked, already, ended };
enum class ErrorCode {
  invalid_json,
  invalid_message,
  unknown_channel,
  forbidden_channel,
  forbidden,
  overloaded,
  rate_limited,
  internal,
  unknown_run,  // or somebody else's
  too_many_runs,
};

std::string_view to_string(Intent intent);
std::string_view to_string(AckStatus status);
std::string_view to_string(ErrorCode code);

std::optional<Intent> parse_intent(std::string_view text);

// Messages that clients compare with.
inline constexpr std::string_view kInvalidJsonMessage = "Invalid message format";
inline constexpr std::string_view kOverloadedMessage = "Message rejected: system overloaded";
inline constexpr std::string_view kInternalMessage = "Message processing failed";
inline constexpr std::string_view kUnknownRunMessage = "There is no such run";
inline constexpr std::string_view kTooManyRunsMessage = "Too many runs";

}  // namespace gw::protocol
