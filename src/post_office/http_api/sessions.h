// Traffic Cop over HTTP: /api/traffic-cop (docs/openapi.json).
#pragma once

#include "post_office/http_api/routes.h"
#include "post_office/post_office.h"
#include "traffic_cop/traffic_cop.h"

namespace gw::http_api {

// All outlive it.
struct Sessions {
  TrafficCop& traffic_cop;
  PostOffice& post_office;
  EventLoop& loop;
};

// `sessions` outlives the routes.
void add_session_routes(Routes& routes, const Sessions& sessions);
void add_revocation_routes(Routes& routes, const Sessions& sessions);

}  // namespace gw::http_api
