#include "app/service_api.h"

#include "post_office/http_api/disconnects.h"
#include "post_office/http_api/documents.h"
#include "post_office/http_api/origin_check.h"

namespace gw {
namespace {

using http_api::any_key, http_api::nothing, http_api::scope, http_api::ApiRequest, http_api::Handler;

constexpr std::string_view kMcp = "/mcp";
constexpr std::string_view kStreams = "/v1/stream/", kSubscriptions = "/v1/stream/__ds/";

// What pages of other origins may do there; null: nothing.
const http_api::PageLeave* leave_at(std::string_view path) {
  if (path == kMcp) return &http_api::kMcpLeave;
  if (path == http_api::kPostPath) return &http_api::kPostLeave;
  if (path.starts_with(kStreams)) return &http_api::kRunStreamLeave;
  if (path == "/api/chat" || path.starts_with("/api/chat/") || path.starts_with("/ag-ui/"))
    return &http_api::kChatLeave;
  return nullptr;
}

template <class Api>
Handler to(Api& api, void (Api::*verb)(ApiRequest)) {
  return [&api, verb](ApiRequest call) { (api.*verb)(std::move(call)); };
}

http_api::RunCallers::Options callers_of(const ServiceApiOptions& options) {
  return {options.anonymous, options.cookie, options.allowed_origins};
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
                   parts.engine.traits().agents_name, [&loop = parts.loop] { return loop.wall_now(); }),
      sessions_{parts.traffic_cop, parts.post_office, parts.loop},
      lookups_{parts.post_office, options_.instance_id},
      authorized_runs_(parts.engine.runs(), parts.post_office, parts.engine.sessions()),
      run_waits_(parts.loop, parts.engine.runs()),
      run_deliveries_(parts.loop, parts.engine.runs(), parts.post_office, options_.ack_wait),
      run_spans_(options_.tracing, [&loop = parts.loop] { return loop.wall_now(); }),
      runs_{authorized_runs_, run_waits_, run_deliveries_, run_spans_},
      run_callers_(parts.traffic_cop, routes_.access(), callers_of(options_)),
      chat_sockets_(ai_sdk_, run_asking_),
      run_readers_({parts.loop, parts.engine.runs(), run_callers_}, options_.run_readers),
      run_streams_({parts.loop, parts.engine.runs(), parts.engine.streams(), run_callers_, run_readers_},
                   options_.stream_poll_wait),
      stream_writes_({parts.loop, parts.engine.streams(), runs_}, options_.plain_streams),
      run_questions_({parts.engine, parts.post_office.channels(),
                      [&loop = parts.loop] { return loop.wall_now(); }, options_.instance_id}),
      run_asking_({parts.engine.runs(), parts.post_office.channels(), run_callers_, run_readers_,
                   run_questions_, run_spans_, options_.question_bytes_max}),
      ai_sdk_(run_asking_),
      ag_ui_(run_asking_),
      client_posts_(parts.loop, parts.engine.clients(), options_.instance_id, options_.question_bytes_max),
      streams_(parts.loop, parts.post_office),
      webhooks_(parts.loop, parts.engine, parts.post_office, options_.webhooks, options_.instance_id),
      webhook_calls_{webhooks_, parts.post_office.channels(), parts.loop},
      polls_(parts.loop, parts.post_office),
      mcp_(post_office_, polls_),
      ops_({parts.loop, parts.gateway, parts.post_office, parts.engine, streams_, webhooks_, polls_, mcp_,
            parts.consul},
           options_.instance_id),
      reports_(parts.loop, parts.gateway, parts.engine, ops_, {options_.instance_id, options_.version}) {
  add_caller_routes();
  parts.engine.sessions().on_change(
      [this](const SessionPtr& session) { run_readers_.on_session_changed(session); });
  add_agent_routes();
  add_ops_routes(parts.reload);
  add_document_routes();
}

void ServiceApi::handle(http::Request& request, http::Responder responder) {
  if (request.path == "/mcp/") request.path = kMcp;  // the same place
  if (const http_api::PageLeave* const leave = leave_at(request.path);
      leave && http_api::allow_page(request, responder, options_.allowed_origins, *leave))
    return;
  if (request.path.starts_with(kSubscriptions) && !request.ops)
    return responder.send(http::Response::error(501, "not_implemented", "subscriptions are not served"));
  routes_.handle(request, std::move(responder));
}

std::vector<const ApiKey*> ServiceApi::reconfigure(ServiceApiOptions options) {
  options_.allowed_origins = std::move(options.allowed_origins);
  options_.anonymous = options.anonymous;
  webhooks_.reconfigure(std::move(options.webhooks));
  return keys_.replace(std::move(options.keys));
}

void ServiceApi::end_agents() {
  streams_.close_all();
  polls_.close_all();
  run_waits_.close_all();
  run_readers_.cut_all();
}

void ServiceApi::add_caller_routes() {
  add_session_routes(routes_, sessions_);
  add_message_routes(routes_, post_office_);
  add_lookup_routes(routes_, lookups_);
  add_disconnect_routes(routes_, post_office_.post_office());
  add_webhook_routes(routes_, webhook_calls_);
  add_run_routes(routes_, runs_);
  add_ai_sdk_routes(routes_, ai_sdk_);
  add_ag_ui_routes(routes_, ag_ui_);
}

void ServiceApi::add_agent_routes() {
  routes_.add("GET", "/api/post-office/websocket/subscribe", scope(Scope::subscribe),
              to(streams_, &http_api::EventStreams::subscribe));
  if (options_.takes_posts)
    routes_.add("POST", http_api::kPostPath, http_api::poster(),
                to(client_posts_, &http_api::ClientPosts::post));
  routes_.add("GET", "/v1/stream/{id}", http_api::run_reader(), to(run_streams_, &http_api::RunStreams::get));
  const http_api::Needs writer = http_api::stream_writer();
  routes_.add("PUT", "/v1/stream/{id}", writer, to(stream_writes_, &http_api::StreamWrites::put));
  routes_.add("POST", "/v1/stream/{id}", writer, to(stream_writes_, &http_api::StreamWrites::post));
  routes_.add("DELETE", "/v1/stream/{id}", writer, to(stream_writes_, &http_api::StreamWrites::remove));
  routes_.add("POST", kMcp, {.who = http_api::Needs::Who::key_holder, .own_host = true},
              to(mcp_, &mcp::Server::handle), [](http::Response refused, const http::Request& request) {
                return mcp::as_rpc(std::move(refused), request.body);
              });
}

void ServiceApi::add_ops_routes(const std::function<ReloadOutcome()>& reload) {
  routes_.add_ops("GET", "/health/live", nothing(), to(ops_, &OpsApi::live));
  routes_.add_ops("GET", "/health/websocket-gateway", nothing(), to(ops_, &OpsApi::health));
  routes_.add_ops("GET", "/api/health/websocket-gateway", nothing(), to(ops_, &OpsApi::health));
  const http_api::Needs registry = http_api::ops_or(Scope::registry);
  routes_.add_ops("GET", "/health/websocket-gateway/detailed", registry, to(ops_, &OpsApi::detailed_health));
  routes_.add_ops("GET", "/api/health/websocket-gateway/detailed", registry,
                  to(ops_, &OpsApi::detailed_health));
  routes_.add("GET", "/api/post-office/websocket/instances", http_api::scope_of_all(Scope::registry),
              to(reports_, &InstanceReports::show));
  routes_.add_ops("GET", "/metrics", registry, to(ops_, &OpsApi::metrics));
  if (reload)
    routes_.add("POST", "/api/admin/reload", http_api::scope_of_all(Scope::admin), serve_reload(reload));
}

void ServiceApi::add_document_routes() {
  routes_.add("GET", "/openapi.json", nothing(),
              http_api::serve_openapi(post_office_.post_office().channels()));
  routes_.add("GET", "/asyncapi.json", nothing(), http_api::serve_asyncapi);
  if (options_.console) routes_.add("GET", "/", nothing(), http_api::serve_console);
  if (options_.test_endpoints) add_test_routes(routes_, lookups_);
}

}  // namespace gw
