// Traffic Cop's door: /api/traffic-cop/sessions (docs/openapi.json).
#pragma once

#include "post_office/http_api/call.h"
#include "post_office/post_office.h"
#include "traffic_cop/traffic_cop.h"

namespace gw::http_api {

class SessionsApi {
 public:
  // Both outlive it.
  SessionsApi(TrafficCop& traffic_cop, PostOffice& post_office)
      : traffic_cop_(traffic_cop), post_office_(post_office) {}

  void create(Call call);
  void get(Call call);
  void update(Call call);
  void end(Call call);
  void validate(Call call);
  void connections(Call call);

 private:
  // Hands the session named in the path to `then`, or refuses the call.
  template <class Then>
  void with_session(Call call, Then then);

  TrafficCop& traffic_cop_;
  PostOffice& post_office_;
};

}  // namespace gw::http_api
