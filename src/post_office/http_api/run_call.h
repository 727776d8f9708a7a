// One call about a run, on its way through the service API.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "post_office/fields.h"
#include "post_office/http_api/run_bodies.h"
#include "post_office/http_api/runs.h"

namespace gw::http_api {

inline RunRefusal refusal_of(RunErrc code, std::string detail) {
  RunRefusal refused;
  refused.code = code;
  refused.detail = std::move(detail);
  return refused;
}

// One call about a run that is named in the path. A copy is another handle of the same call.
struct RunCall {
  const Runs& runs;
  const ApiKey& key;
  std::string run_id;
  mutable http::Responder responder;  // a handle: to answer changes nothing of the call
};

// Empty, and refused: no run has such a name.
inline std::optional<RunCall> call_of(const Runs& runs, ApiRequest& call) {
  Result<std::string> id = path_parameter(call.request, "id");
  if (id && is_valid_run_id(*id)) return RunCall{runs, *call.key, std::move(*id), std::move(call.responder)};
  refuse(call.responder, refusal_of(RunErrc::not_found, ""));
  return std::nullopt;
}

inline void refuse_to_wait(const RunCall& call) {
  RunRefusal busy = refusal_of(RunErrc::rate_limited, "too many calls of this key wait already");
  busy.retry_after = 1s;
  refuse(call.responder, busy);
}

}  // namespace gw::http_api
