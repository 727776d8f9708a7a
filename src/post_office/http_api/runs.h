// Agents' durable runs over HTTP: /api/post-office/runs (docs/openapi.json).
#pragma once

#include "post_office/authorized_runs.h"
#include "post_office/http_api/routes.h"
#include "post_office/http_api/run_spans.h"
#include "post_office/run_deliveries.h"
#include "post_office/run_waits.h"

namespace gw::http_api {

// All outlive it.
struct Runs {
  AuthorizedRuns& runs;
  RunWaits& waits;
  RunDeliveries& deliveries;
  const RunSpans& spans;
};

// `runs` outlives the routes.
void add_run_routes(Routes& routes, const Runs& runs);

}  // namespace gw::http_api
