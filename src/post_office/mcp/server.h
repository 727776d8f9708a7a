// POST /mcp: a Model Context Protocol server over Streamable HTTP, for agents that know nothing else.
// Stateless: every answer is one JSON object, no session is made, nothing is streamed. Revisions:
// mcp/revision.h.
#pragma once

#include <array>
#include <string>

#include "post_office/http_api/api_request.h"
#include "post_office/mcp/json_rpc.h"
#include "post_office/mcp/polls.h"
#include "post_office/mcp/revision.h"
#include "post_office/mcp/tool_calls.h"

namespace gw::mcp {

struct ToolStats {
  uint64_t succeeded_total = 0;
  uint64_t failed_total = 0;  // the caller was told what is wrong
};

struct Stats {
  std::array<ToolStats, kToolCount> tools;
  uint64_t other_requests_total = 0;  // what is no tool's call: discovery, lists
  uint64_t refused_total = 0;         // broke the protocol, or the key lacks the scope
};

class Server {
 public:
  // `calls` and `polls` outlive it, and it outlives the HTTP server.
  Server(AuthorizedPostOffice& calls, Polls& polls) : tool_calls_(calls, polls) {}

  // The caller's key has been checked.
  void handle(http_api::ApiRequest call);
  const Stats& stats() const { return stats_; }

 private:
  struct Exchange;

  void refuse(Exchange& exchange, int status, RpcCode code, std::string_view message,
              std::string_view data = {});
  void serve(Exchange& exchange);
  void initialize(Exchange& exchange);
  void discover(Exchange& exchange);
  void list_tools(Exchange& exchange);
  void call_tool(Exchange& exchange);

  ToolCalls tool_calls_;
  Stats stats_;
};

// The service API's refusal as an error of JSON-RPC with the id of the request, or MCP clients would not show
// it. A large body is not read for it: nobody has shown a key yet. The status is its code.
http::Response as_rpc(http::Response refusal, std::string_view request_body);

}  // namespace gw::mcp
