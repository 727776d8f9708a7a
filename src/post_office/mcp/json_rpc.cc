#include "post_office/mcp/json_rpc.h"

#include "json/json.h"

namespace gw::mcp {
namespace {

Malformed refuse(const json::ParseError& error, std::string_view body) {
  using Reason = json::ParseError::Reason;
  if (error.reason == Reason::not_json) return {RpcCode::parse_error, "Parse error: " + error.message(), {}};
  if (error.reason == Reason::not_object && body.find_first_not_of(" \t\r\n") == body.find('[')) {
    return {RpcCode::invalid_request, "Invalid request: batches are not served, send each message alone", {}};
  }
  return {RpcCode::invalid_request, "Invalid request: " + error.message(), {}};
}

bool is_id(const json::Value& value) {
  return value.raw().size() <= kIdBytesMax && (value.is_string() || json::as_int64(value));
}

}  // namespace

std::variant<Message, Malformed> decode(std::string_view body) {
  const auto parsed = json::parse_object(body);
  if (!parsed) return refuse(parsed.error(), body);
  const json::Object& object = *parsed;
  Message message;
  const auto invalid = [&](const char* why) {
    return Malformed{RpcCode::invalid_request, std::string("Invalid request: ") + why, message.id};
  };
  if (const json::Value* id = object.find("id")) {
    if (!is_id(*id)) return invalid("id must be a string or a whole number");
    message.id = id->raw();
  }
  const json::Value* version = object.find("jsonrpc");
  if (!version || json::as_string(*version) != "2.0") return invalid("jsonrpc must be \"2.0\"");
  const json::Value* method = object.find("method");
  if (!method && (object.find("result") || object.find("error"))) {
    return invalid("this server asks nothing, so there is nothing to respond to");
  }
  if (!method || !method->is_string()) return invalid("method must be a string");
  message.method = *json::as_string(*method);
  const json::Value* params = object.find("params");
  if (params && params->is_null()) params = nullptr;
  if (params && !params->is_object()) return invalid("params must be an object");
  message.params = params ? params->raw() : "{}";
  return message;
}

std::string result_body(std::string_view id, std::string_view result) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("jsonrpc", "2.0")
      .key("id")
      .raw(id)
      .key("result")
      .raw(result)
      .end_object();
  return body;
}

std::string error_body(std::string_view id, RpcCode code, std::string_view message, std::string_view data) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object().member("jsonrpc", "2.0");
  if (!id.empty()) writer.key("id").raw(id);
  writer.key("error").begin_object().member("code", static_cast<int>(code)).member("message", message);
  if (!data.empty()) writer.key("data").raw(data);
  writer.end_object().end_object();
  return body;
}

}  // namespace gw::mcp
