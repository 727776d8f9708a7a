// The service API: every route there is, what it needs, and who answers it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/instance_reports.h"
#include "app/ops_api.h"
#include "app/reload.h"
#include "post_office/http_api/ag_ui.h"
#include "post_office/http_api/chat_sockets.h"
#include "post_office/http_api/client_posts.h"
#include "post_office/http_api/event_streams.h"
#include "post_office/http_api/lookups.h"
#include "post_office/http_api/messages.h"
#include "post_office/http_api/routes.h"
#include "post_office/http_api/run_streams.h"
#include "post_office/http_api/runs.h"
#include "post_office/http_api/sessions.h"
#include "post_office/http_api/stream_writes.h"
#include "post_office/http_api/webhooks.h"
#include "post_office/mcp/server.h"

namespace gw {

struct ServiceApiOptions {
  std::vector<ApiKey> keys;
  std::string instance_id;
  std::string version;
  std::string public_url;                    // empty: as Consul knows, or as the caller reached us
  std::vector<std::string> allowed_origins;  // of pages that may show a key
  std::string cookie;                        // that may hold a session's token; empty: none
  Duration ack_wait{};                       // after it a group's message goes to another agent
  http_api::RunReaderOptions run_readers;
  std::optional<ChannelSet> anonymous = {};  // what clients without a session may use; absent: refused
  Duration stream_poll_wait = 20s;           // of a long poll for more
  bool plain_streams = true;
  bool takes_posts = true;  // of clients without a WebSocket
  TraceOptions tracing;
  WebhookOptions webhooks;
  size_t question_bytes_max = 65536;  // of a client's message, as on /ws
  bool console = false;
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
    const consul::Registrar* consul = nullptr;        // null: none
    std::function<ReloadOutcome()> reload = nullptr;  // null: /api/admin/reload is not served
  };

  ServiceApi(ServiceApiOptions options, Parts parts);

  void handle(http::Request& request, http::Responder responder);
  // Other keys, origins and rights of those without a session. The keys that went: nobody comes in by them
  // any more.
  std::vector<const ApiKey*> reconfigure(ServiceApiOptions options);
  void watch(const http::Server& server) { ops_.watch(server); }
  void watch(const Telemetry* telemetry) { ops_.watch(telemetry); }
  MetricsSnapshot snapshot() { return ops_.snapshot(); }
  http_api::EventStreams& streams() { return streams_; }
  Webhooks& webhooks() { return webhooks_; }
  InstanceReports& reports() { return reports_; }
  http_api::ChatSockets& chat_sockets() { return chat_sockets_; }
  // Ends what agents wait for: streams after what they hold, polls and calls about runs with what there is.
  // Cuts off who reads a run.
  void end_agents();
  const std::vector<http::Router::Route>& routes() const { return routes_.all(); }

 private:
  void add_caller_routes();
  void add_agent_routes();
  void add_ops_routes(const std::function<ReloadOutcome()>& reload);
  void add_document_routes();

  ServiceApiOptions options_;
  ApiKeys keys_;
  http_api::Routes routes_;
  AuthorizedPostOffice post_office_;
  const http_api::Sessions sessions_;
  const http_api::Lookups lookups_;
  AuthorizedRuns authorized_runs_;
  RunWaits run_waits_;
  RunDeliveries run_deliveries_;
  const http_api::RunSpans run_spans_;
  const http_api::Runs runs_;
  http_api::RunCallers run_callers_;
  http_api::ChatSockets chat_sockets_;  // before the readers, whose outlets know it
  http_api::RunReaders run_readers_;
  http_api::RunStreams run_streams_;
  http_api::StreamWrites stream_writes_;
  RunQuestions run_questions_;
  http_api::RunAsking run_asking_;
  http_api::AiSdk ai_sdk_;
  http_api::AgUi ag_ui_;
  http_api::ClientPosts client_posts_;
  http_api::EventStreams streams_;
  Webhooks webhooks_;
  const http_api::WebhookCalls webhook_calls_;
  mcp::Polls polls_;
  mcp::Server mcp_;
  OpsApi ops_;
  InstanceReports reports_;
};

}  // namespace gw
