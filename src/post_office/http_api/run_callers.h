// Who reads a run, or asks for one, over HTTP: by a session, a key, or as nobody in particular. Control loop
// only.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/run_store.h"
#include "post_office/http_api/access.h"
#include "post_office/http_api/api_request.h"
#include "traffic_cop/traffic_cop.h"

namespace gw::http_api {

// Neither key nor session: anonymous.
struct RunCaller {
  const ApiKey* key = nullptr;
  SessionPtr session = {};
};

class RunCallers {
 public:
  // As they are at the moment.
  struct Options {
    const std::optional<ChannelSet>& anonymous;  // what clients without a session may use; absent: refused
    const std::string& cookie;                   // that may hold a session's token; empty: none
    const std::vector<std::string>& allowed_origins;  // of pages, beside the request's own host
  };
  // All outlive it.
  RunCallers(TrafficCop& traffic_cop, Access& access, const Options& options)
      : traffic_cop_(traffic_cop), access_(access), options_(options) {}

  using Then = std::function<void(const RunCaller&)>;
  // As the request shows: session_token= or token= in its query, Authorization, or a cookie. Who may not come
  // in is answered here, and `then` is not called.
  void identify(const http::Request& request, http::Responder responder, Then then);

  // The channels that a caller may ask in.
  ChannelSet granted(const RunCaller& caller) const;
  bool may_see(const RunCaller& caller, const RunRecord& run) const;

 private:
  TrafficCop& traffic_cop_;
  Access& access_;
  const Options options_;
  const char sessions_ = 0;  // its address is the payer of those with a session
};

// Whose streams count together; empty: nobody's. A user's tenant and name never change while he is here.
inline std::string user_of(const RunCaller& caller) {
  return caller.session ? caller.session->tenant_id.str() + "/" + caller.session->user_id.str()
                        : std::string();
}

}  // namespace gw::http_api
