// AG-UI over HTTP, in the layout of CopilotKit's runtime: an agent is a channel, a run a run, and a line of
// its log an event. Control loop only.
#pragma once

#include <memory>
#include <string>

#include "post_office/http_api/routes.h"
#include "post_office/http_api/run_asking.h"

namespace gw::http_api {

class AgUi {
 public:
  // `asking` outlives it.
  explicit AgUi(RunAsking& asking) : asking_(asking) {}

  // POST /ag-ui/agent/{channel}/run with a RunAgentInput: the run's events from the first. The same runId
  // again is the same run.
  void run(ApiRequest request);
  // GET of its Location: the events behind Last-Event-ID.
  void resume(ApiRequest request);
  // POST …/connect: the events of the thread's latest run, from the first; none where there is none.
  void connect(ApiRequest request);
  // POST …/stop/{threadId}: of its latest run, or of the run that the body names.
  void stop(ApiRequest request);
  // GET /ag-ui/info: which agents there are.
  void info(ApiRequest request);

 private:
  using Start = std::function<void(RunAsking::Call&)>;
  void begin(ApiRequest request, Start start);
  void ask(RunAsking::Call& call);
  // `unknown`: what is answered where it is none of this agent's.
  void follow(const RunAsking::Call& call, const std::string& run_id, RunReaders::Place place,
              const http::Response& unknown);
  void cancel(RunAsking::Call& call, const std::string& run_id);

  RunAsking& asking_;
};

void add_ag_ui_routes(Routes& routes, AgUi& agents);

}  // namespace gw::http_api
