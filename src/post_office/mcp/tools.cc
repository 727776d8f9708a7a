#include "post_office/mcp/tools.h"

#include <algorithm>

#include "json/json.h"
#include "post_office/mcp/tool_definitions.h"

namespace gw::mcp {

std::span<const Tool> tools() {
  static const std::vector<Tool> all = {
      {ToolId::get_endpoint,
       "websocket_get_endpoint",
       std::nullopt,
       {"session_token", "realm"},
       definitions::kGetEndpoint},
      {ToolId::publish,
       "websocket_publish_to_channel",
       Scope::publish,
       {"channel", "message", "realm", "tenant_id"},
       definitions::kPublish},
      {ToolId::send,
       "websocket_send_to_connection",
       Scope::send,
       {"message", "connection_id", "session_ref", "session_id", "user_id"},
       definitions::kSend},
      {ToolId::subscribe,
       "websocket_subscribe_to_channel",
       Scope::subscribe,
       {"channel", "cursor", "wait_seconds", "max_messages"},
       definitions::kSubscribe},
  };
  return all;
}

const Tool* find_tool(std::string_view name) {
  const auto all = tools();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Tool& tool) { return tool.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::string tool_list(const ApiKey& key) {
  std::string list;
  json::Writer writer(list);
  writer.begin_array();
  for (const Tool& tool : tools()) {
    if (!tool.scope || key.scopes.contains(*tool.scope)) writer.raw(tool.definition);
  }
  writer.end_array();
  return list;
}

std::string_view instructions() { return definitions::kInstructions; }

}  // namespace gw::mcp
