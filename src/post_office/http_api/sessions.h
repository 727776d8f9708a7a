// Traffic Cop over HTTP: /api/traffic-cop/sessions (docs/openapi.json).
#pragma once

#include "post_office/http_api/api_request.h"
#include "post_office/post_office.h"
#include "traffic_cop/traffic_cop.h"

namespace gw::http_api {

class SessionsApi {
 public:
  // Both outlive it.
  SessionsApi(TrafficCop& traffic_cop, PostOffice& post_office)
      : traffic_cop_(traffic_cop), post_office_(post_office) {}

  void create(ApiRequest call);
  void get(ApiRequest call);
  void update(ApiRequest call);
  void end(ApiRequest call);
  void validate(ApiRequest call);
  void connections(ApiRequest call);

 private:
  // Hands the session named in the path to `then`, or refuses the call.
  template <class Then>
  void with_session(ApiRequest call, Then then);

  TrafficCop& traffic_cop_;
  PostOffice& post_office_;
};

}  // namespace gw::http_api
