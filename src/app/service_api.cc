#include "app/service_api.h"

#include "post_office/http_api/body.h"
#include "post_office/http_api/documents.h"
#include "post_office/http_api/origin_check.h"

namespace gw {
namespace {

using http_api::ApiRequest;
using http_api::Handler;

constexpr std::string_view kMcp = "/mcp";

template <class Handlers>
Handler to(Handlers& handlers, void (Handlers::*verb)(ApiRequest)) {
  return [&handlers, verb](ApiRequest call) { (handlers.*verb)(std::move(call)); };
}

std::function<std::optional<std::string>()> discovery(const consul::Registrar* consul) {
  if (!consul) return nullptr;
  return [consul] { return consul->endpoint(); };
}

}  // namespace

ServiceApi::ServiceApi(ServiceApiOptions options, Parts parts)
    : options_(std::move(options)),
      keys_(options_.keys),
      access_(keys_, parts.loop),
      sessions_(parts.traffic_cop, parts.post_office),
      calls_(parts.post_office, {options_.public_url, discovery(parts.consul)},
             parts.engine.traits().channel_prefix),
      messages_(calls_),
      lookups_(parts.post_office, options_.instance_id),
      streams_(parts.loop, parts.post_office),
      polls_(parts.loop, parts.post_office),
      mcp_(calls_, polls_),
      ops_({parts.loop, parts.gateway, parts.post_office, parts.engine, streams_, polls_, mcp_, parts.consul},
           options_.instance_id) {
  add_session_routes();
  add_message_routes();
  add_mcp_route();
  add_ops_routes();
  add_document_routes();
  if (options_.test_endpoints) add_test_routes();
}

void ServiceApi::handle(http::Request& request, http::Responder responder) {
  if (request.path == "/mcp/") request.path = kMcp;  // the same place
  if (request.path == kMcp && http_api::allow_page(request, responder, options_.allowed_origins)) return;
  (request.ops ? ops_router_ : router_).handle(request, std::move(responder));
}

void ServiceApi::end_agents() {
  streams_.close_all();
  polls_.close_all();
}

void ServiceApi::add_session_routes() {
  using Api = http_api::SessionsApi;
  const Needs sessions = scope(Scope::sessions);
  add("POST", "/api/traffic-cop/sessions", sessions, to(sessions_, &Api::create));
  add("GET", "/api/traffic-cop/sessions/{id}", sessions, to(sessions_, &Api::get));
  add("PATCH", "/api/traffic-cop/sessions/{id}", sessions, to(sessions_, &Api::update));
  add("DELETE", "/api/traffic-cop/sessions/{id}", sessions, to(sessions_, &Api::end));
  add("POST", "/api/traffic-cop/sessions/{id}/validate", sessions, to(sessions_, &Api::validate));
  add("GET", "/api/traffic-cop/sessions/{id}/websockets", sessions, to(sessions_, &Api::connections));
}

void ServiceApi::add_message_routes() {
  using http_api::EventStreams, http_api::LookupsApi, http_api::MessagesApi;
  const Needs subscribe = scope(Scope::subscribe);
  const Needs registry = scope(Scope::registry);
  add("GET", "/api/post-office/websocket/endpoint", any_key(), to(messages_, &MessagesApi::endpoint));
  add("POST", "/api/post-office/websocket/publish", scope(Scope::publish),
      to(messages_, &MessagesApi::publish));
  add("POST", "/api/post-office/websocket/send", scope(Scope::send), to(messages_, &MessagesApi::send));
  add("GET", "/api/post-office/websocket/subscribe", subscribe, to(streams_, &EventStreams::subscribe));
  add("POST", "/api/post-office/websocket/ack", subscribe, to(messages_, &MessagesApi::acknowledge));
  add("GET", "/api/post-office/websocket/connections/{id}", registry, to(lookups_, &LookupsApi::connection));
  add("GET", "/api/post-office/websocket/channels/{channel}/connections", registry,
      to(lookups_, &LookupsApi::channel_connections));
  add("GET", "/api/post-office/websocket/connection-count", registry,
      to(lookups_, &LookupsApi::connection_count));
  add("GET", "/api/post-office/websocket/backpressure", registry, to(lookups_, &LookupsApi::backpressure));
}

// Where it comes from is looked at before the key: a page that guesses keys is no caller.
void ServiceApi::add_mcp_route() {
  router_.add("POST", kMcp, [this](http::Request& request, http::Responder responder) {
    if (auto refused = http_api::refuse_foreign_site(request, options_.allowed_origins))
      return responder.send(mcp::as_rpc(std::move(*refused), request.body));
    auto verdict = access_.judge(request, {});
    if (auto* refused = std::get_if<http::Response>(&verdict))
      return responder.send(mcp::as_rpc(std::move(*refused), request.body));
    const ApiKey* key = std::get<const ApiKey*>(verdict);
    responder.bill(key);
    if (auto refused = http_api::refuse_body(request))
      return responder.send(mcp::as_rpc(std::move(*refused), request.body));
    mcp_.handle({request, std::move(responder), key});
  });
}

void ServiceApi::add_ops_routes() {
  add_ops("GET", "/health/live", nothing(), to(ops_, &OpsApi::live));
  add_ops("GET", "/health/websocket-gateway", nothing(), to(ops_, &OpsApi::health));
  add_ops("GET", "/api/health/websocket-gateway", nothing(), to(ops_, &OpsApi::health));
  const Needs registry = ops_or(Scope::registry);
  add_ops("GET", "/health/websocket-gateway/detailed", registry, to(ops_, &OpsApi::detailed_health));
  add_ops("GET", "/api/health/websocket-gateway/detailed", registry, to(ops_, &OpsApi::detailed_health));
  add_ops("GET", "/metrics", registry, to(ops_, &OpsApi::metrics));
}

void ServiceApi::add_document_routes() {
  add("GET", "/openapi.json", nothing(), http_api::serve_openapi(calls_.post_office().channels()));
  add("GET", "/asyncapi.json", nothing(), http_api::serve_asyncapi);
  if (options_.console) add("GET", "/", nothing(), http_api::serve_console);
}

void ServiceApi::add_test_routes() {
  using Api = http_api::LookupsApi;
  add("GET", "/api/test/websocket-gateway/connection/{id}", nothing(), to(lookups_, &Api::test_connection));
  add("GET", "/api/test/websocket-gateway/channel/{channel}/connections", nothing(),
      to(lookups_, &Api::test_channel_connections));
  add("GET", "/api/test/websocket-gateway/connection-count", nothing(),
      to(lookups_, &Api::test_connection_count));
}

void ServiceApi::add(std::string_view method, std::string_view pattern, Needs needs, Handler handler) {
  router_.add(method, pattern, guarded(needs, std::move(handler)));
}

void ServiceApi::add_ops(std::string_view method, std::string_view pattern, Needs needs, Handler handler) {
  ops_router_.add(method, pattern, guarded(needs, handler));
  add(method, pattern, needs, std::move(handler));
}

http::Router::Handler ServiceApi::guarded(Needs needs, Handler handler) {
  return [this, needs, handler = std::move(handler)](http::Request& request, http::Responder responder) {
    const bool open =
        needs.who == Needs::Who::anyone || (needs.who == Needs::Who::key_holder_unless_ops && request.ops);
    const ApiKey* key = nullptr;
    if (open) {
      if (auto refused = http_api::refuse_wrong_host(request)) return responder.send(std::move(*refused));
    } else {
      if (auto refused = http_api::refuse_foreign_origin(request, options_.allowed_origins))
        return responder.send(std::move(*refused));
      key = access_.authorize(request, responder, needs.requirement);
      if (!key) return;
    }
    if (auto refused = http_api::refuse_body(request)) return responder.send(std::move(*refused));
    handler({request, std::move(responder), key});
  };
}

}  // namespace gw
