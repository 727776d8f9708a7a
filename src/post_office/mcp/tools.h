// The tools that the server offers: what a client is told of them, and what a call needs.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "post_office/api_keys.h"

namespace gw::mcp {

enum class ToolId : uint8_t { get_endpoint, publish, send, subscribe };
inline constexpr size_t kToolCount = 4;

// Bounds of websocket_subscribe_to_channel, as its schema states them.
inline constexpr int64_t kWaitSecondsMax = 25;  // shorter than what proxies and clients wait for an answer
inline constexpr int64_t kMessagesMax = 500;
inline constexpr int64_t kMessagesDefault = 50;

struct Tool {
  ToolId id;
  std::string_view name;
  std::optional<Scope> scope;               // absent: any key will do
  std::vector<std::string_view> arguments;  // all there are
  std::string_view definition;              // JSON, as tools/list shows it
};

// In the order of ToolId.
std::span<const Tool> tools();
// Null when there is none of that name.
const Tool* find_tool(std::string_view name);
// A JSON list of those that the key may call.
std::string tool_list(const ApiKey& key);

// What a model should know before it uses any of them.
std::string_view instructions();

}  // namespace gw::mcp
