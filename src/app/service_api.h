// The service API: every route there is, what it needs, and who answers it.
#pragma once

#include <string>
#include <vector>

#include "app/ops_api.h"
#include "net/http/router.h"
#include "post_office/http_api/access.h"
#include "post_office/http_api/event_streams.h"
#include "post_office/http_api/lookups.h"
#include "post_office/http_api/messages.h"
#include "post_office/http_api/sessions.h"
#include "post_office/mcp/server.h"

namespace gw {

struct ServiceApiOptions {
  std::vector<ApiKey> keys;
  std::string instance_id;
  std::string public_url;                    // empty: as Consul knows, or as the caller reached us
  std::vector<std::string> allowed_origins;  // of pages that may show a key
  bool console = true;
  bool test_endpoints = false;
};

class ServiceApi {
 public:
  // All outlive it; it outlives the server whose handler it is.
  struct Parts {
    EventLoop& loop;
    const Gateway& gateway;
    TrafficCop& traffic_cop;
    PostOffice& post_office;
    Engine& engine;
    const consul::Registrar* consul = nullptr;  // null: none
  };

  ServiceApi(ServiceApiOptions options, Parts parts);

  void handle(http::Request& request, http::Responder responder);
  void watch(const http::Server& server) { ops_.watch(server); }
  void watch(const Telemetry* telemetry) { ops_.watch(telemetry); }
  MetricsSnapshot snapshot() { return ops_.snapshot(); }
  http_api::EventStreams& streams() { return streams_; }
  // Ends what agents wait for: streams after what they hold, polls with what there is.
  void end_agents();
  const std::vector<http::Router::Route>& routes() const { return router_.routes(); }

 private:
  // What a route asks of its caller.
  struct Needs {
    enum class Who { anyone, key_holder, key_holder_unless_ops } who = Who::anyone;
    http_api::Requirement requirement;
  };
  static Needs nothing() { return {}; }
  static Needs any_key() { return {Needs::Who::key_holder, {}}; }
  static Needs scope(Scope scope) { return {Needs::Who::key_holder, {scope}}; }
  static Needs ops_or(Scope scope) { return {Needs::Who::key_holder_unless_ops, {scope, true}}; }

  void add_session_routes();
  void add_message_routes();
  void add_mcp_route();
  void add_ops_routes();
  void add_document_routes();
  void add_test_routes();
  // Of the main addresses; `ops` ones are served on the ops listeners as well, and nothing else is.
  void add(std::string_view method, std::string_view pattern, Needs needs, http_api::Handler handler);
  void add_ops(std::string_view method, std::string_view pattern, Needs needs, http_api::Handler handler);
  http::Router::Handler guarded(Needs needs, http_api::Handler handler);

  const ServiceApiOptions options_;
  const ApiKeys keys_;
  http_api::Access access_;
  http_api::SessionsApi sessions_;
  AuthorizedPostOffice calls_;
  http_api::MessagesApi messages_;
  http_api::LookupsApi lookups_;
  http_api::EventStreams streams_;
  mcp::Polls polls_;
  mcp::Server mcp_;
  OpsApi ops_;
  http::Router router_;
  http::Router ops_router_;
};

}  // namespace gw
