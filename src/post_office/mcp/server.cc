#include "post_office/mcp/server.h"

#include "json/json.h"
#include "net/http/head.h"

namespace gw::mcp {
namespace {

constexpr std::string_view kServerInfo =
    R"({"name":"websocket-gateway","title":"WebSocket Gateway","version":")" GW_VERSION R"("})";
// A larger body of somebody without a key is not read, only to tell its id.
constexpr size_t kStrangersBytesMax = 4096;
// Tools change with the program and the key alone.
constexpr int kListTtlMs = 300'000;

// "application/json" of "application/json; charset=utf-8".
std::string_view media_type(std::string_view value) { return trim_blanks(value.substr(0, value.find(';'))); }

bool is_json(const http::Request& request) {
  return http::count_fields(request.fields, "Content-Type") == 1 &&
         equal_ignoring_case(media_type(*request.field("Content-Type")), "application/json");
}

// Answers are JSON always; event streams, which clients have to accept as well, are never sent.
bool accepts_json(const http::Request& request) {
  if (http::count_fields(request.fields, "Accept") == 0) return true;
  for (const HttpField& field : request.fields) {
    if (!equal_ignoring_case(field.name, "Accept")) continue;
    for (std::string_view rest = field.value; !rest.empty();) {
      const size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view range = media_type(rest.substr(0, comma));
      for (const std::string_view fits : {"application/json", "application/*", "*/*"}) {
        if (equal_ignoring_case(range, fits)) return true;
      }
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  return false;
}

// The older revisions know neither resultType nor serverInfo in _meta.
void begin_result(json::Writer& writer, Revision revision) {
  writer.begin_object();
  if (revision == Revision::legacy) return;
  writer.member("resultType", "complete")
      .key("_meta")
      .begin_object()
      .key("io.modelcontextprotocol/serverInfo")
      .raw(kServerInfo)
      .end_object();
}

std::string tool_result(Revision revision, const Result<std::string>& outcome) {
  std::string result;
  json::Writer writer(result);
  begin_result(writer, revision);
  const std::string text =
      outcome ? *outcome : std::string(to_string(outcome.error().code)) + ": " + outcome.error().detail;
  writer.key("content").begin_array().begin_object().member("type", "text").member("text", text);
  writer.end_object().end_array();
  if (outcome) writer.key("structuredContent").raw(*outcome);
  writer.member("isError", !outcome).end_object();
  return result;
}

std::string challenge(Scope scope) {
  return R"(Bearer realm="websocket-gateway", error="insufficient_scope", scope=")" +
         std::string(to_string(scope)) + "\"";
}

}  // namespace

// One message on its way to its answer. Lives while the request is handled.
struct Server::Exchange {
  http_api::ApiRequest& call;
  Message message;
  Revision revision = Revision::v2026_07_28;

  json::Object params() const { return *json::parse_object(message.params, json::Utf8::trusted); }
  void answer(std::string_view result) {
    call.responder.send(http::Response::json(200, result_body(message.id, result)));
  }
};

void Server::refuse(Exchange& exchange, int status, RpcCode code, std::string_view message,
                    std::string_view data) {
  ++stats_.refused_total;
  exchange.call.responder.send(
      http::Response::json(status, error_body(exchange.message.id, code, message, data)));
}

void Server::handle(http_api::ApiRequest call) {
  Exchange exchange{call, {}, {}};
  if (!is_json(call.request))
    return refuse(exchange, 415, RpcCode::invalid_request,
                  "Invalid request: Content-Type must be application/json");
  if (!accepts_json(call.request)) {
    return refuse(exchange, 406, RpcCode::invalid_request,
                  "Invalid request: Accept must list application/json and text/event-stream");
  }
  auto decoded = decode(call.request.body);
  if (const auto* malformed = std::get_if<Malformed>(&decoded)) {
    exchange.message.id = malformed->id;
    return refuse(exchange, 400, malformed->code, malformed->message);
  }
  exchange.message = std::move(std::get<Message>(decoded));
  const auto revision = revision_of(call.request, exchange.message);
  if (const auto* fault = std::get_if<VersionFault>(&revision))
    return refuse(exchange, 400, fault->code, fault->message, fault->data);
  exchange.revision = std::get<Revision>(revision);
  serve(exchange);
}

void Server::serve(Exchange& exchange) {
  const std::string& method = exchange.message.method;
  const bool newer = exchange.revision == Revision::v2026_07_28;
  if (exchange.message.is_notification()) {
    // None of them asks for anything: nothing is kept that could be cancelled or initialized.
    http::Response accepted;
    accepted.status = 202;
    accepted.content_type = {};
    return exchange.call.responder.send(std::move(accepted));
  }
  if (method == "tools/call") return call_tool(exchange);
  if (method == "tools/list") return list_tools(exchange);
  if (newer && method == "server/discover") return discover(exchange);
  if (!newer && method == "initialize") return initialize(exchange);
  if (!newer && method == "ping") {
    ++stats_.other_requests_total;
    return exchange.answer("{}");
  }
  refuse(exchange, newer ? 404 : 200, RpcCode::method_not_found, "Method not found");
}

void Server::initialize(Exchange& exchange) {
  const json::Object params = exchange.params();
  const json::Value* version = params.find("protocolVersion");
  if (!version || !version->is_string()) {
    return refuse(exchange, 200, RpcCode::invalid_params, "Invalid params: protocolVersion must be a string");
  }
  ++stats_.other_requests_total;
  const std::string asked_for = *json::as_string(*version);
  std::string result;
  // Who asks for none of these leaves when it does not speak the one that is offered.
  json::Writer(result)
      .begin_object()
      .member("protocolVersion", is_legacy(asked_for) ? std::string_view(asked_for) : kRevision2025)
      .key("capabilities")
      .raw(R"({"tools":{}})")
      .key("serverInfo")
      .raw(kServerInfo)
      .member("instructions", instructions())
      .end_object();
  exchange.answer(result);
}

void Server::discover(Exchange& exchange) {
  ++stats_.other_requests_total;
  std::string result;
  json::Writer writer(result);
  begin_result(writer, exchange.revision);
  writer.key("supportedVersions")
      .raw(kRevisionsJson)
      .key("capabilities")
      .raw(R"({"tools":{}})")
      .member("instructions", instructions())
      .member("ttlMs", kListTtlMs)
      .member("cacheScope", "public")
      .end_object();
  exchange.answer(result);
}

void Server::list_tools(Exchange& exchange) {
  const json::Object params = exchange.params();
  if (const json::Value* cursor = params.find("cursor"); cursor && !cursor->is_null())
    return refuse(exchange, 200, RpcCode::invalid_params,
                  "Invalid params: the list has one page, and no cursor");
  ++stats_.other_requests_total;
  std::string result;
  json::Writer writer(result);
  begin_result(writer, exchange.revision);
  writer.key("tools").raw(tool_list(*exchange.call.key));
  // It holds what this key may call.
  if (exchange.revision == Revision::v2026_07_28)
    writer.member("ttlMs", kListTtlMs).member("cacheScope", "private");
  writer.end_object();
  exchange.answer(result);
}

void Server::call_tool(Exchange& exchange) {
  const json::Object params = exchange.params();
  const json::Value* name = params.find("name");
  if (!name || !name->is_string())
    return refuse(exchange, 200, RpcCode::invalid_params, "Invalid params: name must be a string");
  const json::Value* arguments = params.find("arguments");
  if (arguments && arguments->is_null()) arguments = nullptr;
  if (arguments && !arguments->is_object())
    return refuse(exchange, 200, RpcCode::invalid_params, "Invalid params: arguments must be an object");
  const Tool* tool = find_tool(*json::as_string(*name));
  if (!tool) return refuse(exchange, 200, RpcCode::invalid_params, "Unknown tool");

  http_api::ApiRequest& call = exchange.call;
  if (tool->scope && !call.key->scopes.contains(*tool->scope)) {
    ++stats_.refused_total;
    return call.responder.send(
        http::Response::json(403, error_body(exchange.message.id, RpcCode::insufficient_scope,
                                             call.key->check_scope(*tool->scope).error().detail))
            .header("WWW-Authenticate", challenge(*tool->scope)));
  }
  ToolStats& stats = stats_.tools[static_cast<size_t>(tool->id)];
  tool_calls_.call(
      {*tool, *call.key, call.request, arguments ? arguments->raw() : "{}"}, call.responder,
      [&stats, id = std::string(exchange.message.id), revision = exchange.revision,
       responder = call.responder](Result<std::string> outcome) mutable {
        ++(outcome ? stats.succeeded_total : stats.failed_total);
        responder.send(http::Response::json(200, result_body(id, tool_result(revision, outcome))));
      });
}

http::Response as_rpc(http::Response refusal, std::string_view request_body) {
  std::string id;
  if (request_body.size() <= kStrangersBytesMax)
    id = std::visit([](const auto& read) { return std::string(read.id); }, decode(request_body));
  BodyFields fields(refusal.body);
  refusal.body = error_body(id, static_cast<RpcCode>(refusal.status), fields.text("error"));
  return refusal;
}

}  // namespace gw::mcp
