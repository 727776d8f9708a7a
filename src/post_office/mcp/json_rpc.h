// JSON-RPC 2.0 as the Model Context Protocol uses it: one request or notification a body, never a batch.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace gw::mcp {

// An id longer than this is refused: it comes back in the answer.
inline constexpr size_t kIdBytesMax = 1024;

// JSON-RPC's own codes, and those that the protocol has defined.
enum class RpcCode : int {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
  header_mismatch = -32020,
  unsupported_protocol_version = -32022,
  insufficient_scope = 403,  // ours, outside the reserved range: as every refusal of a key, the HTTP status
};

// Views point into the body.
struct Message {
  std::string_view id;  // JSON as written; empty: a notification
  std::string method;
  std::string_view params;  // an object, JSON as written; "{}" when there are none, or null

  bool is_notification() const { return id.empty(); }
};

struct Malformed {
  RpcCode code = RpcCode::invalid_request;
  std::string message;
  std::string_view id;  // JSON as written; empty: not known
};

// Refused: what is no JSON or nested too deep, batches, responses (nobody asked anything), ids that are
// neither a string nor a whole number, params that are no object.
std::variant<Message, Malformed> decode(std::string_view body);

// `id` and `result` are JSON.
std::string result_body(std::string_view id, std::string_view result);
// Without an `id` where it is empty. `data` is JSON, or empty.
std::string error_body(std::string_view id, RpcCode code, std::string_view message,
                       std::string_view data = {});

}  // namespace gw::mcp
