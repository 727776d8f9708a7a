#include "app/service_api.h"

#include "post_office/http_api/documents.h"
#include "post_office/http_api/origin_check.h"

namespace gw {
namespace {

using http_api::any_key, http_api::nothing, http_api::scope, http_api::ApiRequest, http_api::Handler;

constexpr std::string_view kMcp = "/mcp";

template <class Api>
Handler to(Api& api, void (Api::*verb)(ApiRequest)) {
  return [&api, verb](ApiRequest call) { (api.*verb)(std::move(call)); };
}

std::function<std::optional<std::string>()> discovery(const consul::Registrar* consul) {
  if (!consul) return nullptr;
  return [consul] { return consul->endpoint(); };
}

}  // namespace

ServiceApi::ServiceApi(ServiceApiOptions options, Parts parts)
    : options_(std::move(options)),
      keys_(options_.keys),
      routes_(keys_, parts.loop, options_.allowed_origins),
      post_office_(parts.post_office, {options_.public_url, discovery(parts.consul)},
                   parts.engine.traits().channel_prefix, [&loop = parts.loop] { return loop.wall_now(); }),
      sessions_{parts.traffic_cop, parts.post_office, parts.loop},
      lookups_{parts.post_office, options_.instance_id},
      streams_(parts.loop, parts.post_office),
      polls_(parts.loop, parts.post_office),
      mcp_(post_office_, polls_),
      ops_({parts.loop, parts.gateway, parts.post_office, parts.engine, streams_, polls_, mcp_, parts.consul},
           options_.instance_id) {
  add_session_routes(routes_, sessions_);
  add_message_routes(routes_, post_office_);
  add_lookup_routes(routes_, lookups_);
  add_agent_routes();
  add_ops_routes();
  add_document_routes();
  if (options_.test_endpoints) add_test_routes(routes_, lookups_);
}

void ServiceApi::handle(http::Request& request, http::Responder responder) {
  if (request.path == "/mcp/") request.path = kMcp;  // the same place
  if (request.path == kMcp && http_api::allow_page(request, responder, options_.allowed_origins)) return;
  routes_.handle(request, std::move(responder));
}

void ServiceApi::end_agents() {
  streams_.close_all();
  polls_.close_all();
}

void ServiceApi::add_agent_routes() {
  routes_.add("GET", "/api/post-office/websocket/subscribe", scope(Scope::subscribe),
              to(streams_, &http_api::EventStreams::subscribe));
  routes_.add("POST", kMcp, {.who = http_api::Needs::Who::key_holder, .own_host = true},
              to(mcp_, &mcp::Server::handle), [](http::Response refused, const http::Request& request) {
                return mcp::as_rpc(std::move(refused), request.body);
              });
}

void ServiceApi::add_ops_routes() {
  routes_.add_ops("GET", "/health/live", nothing(), to(ops_, &OpsApi::live));
  routes_.add_ops("GET", "/health/websocket-gateway", nothing(), to(ops_, &OpsApi::health));
  routes_.add_ops("GET", "/api/health/websocket-gateway", nothing(), to(ops_, &OpsApi::health));
  const http_api::Needs registry = http_api::ops_or(Scope::registry);
  routes_.add_ops("GET", "/health/websocket-gateway/detailed", registry, to(ops_, &OpsApi::detailed_health));
  routes_.add_ops("GET", "/api/health/websocket-gateway/detailed", registry,
                  to(ops_, &OpsApi::detailed_health));
  routes_.add_ops("GET", "/metrics", registry, to(ops_, &OpsApi::metrics));
}

void ServiceApi::add_document_routes() {
  routes_.add("GET", "/openapi.json", nothing(),
              http_api::serve_openapi(post_office_.post_office().channels()));
  routes_.add("GET", "/asyncapi.json", nothing(), http_api::serve_asyncapi);
  if (options_.console) routes_.add("GET", "/", nothing(), http_api::serve_console);
}

}  // namespace gw
