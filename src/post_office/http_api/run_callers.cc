#include "post_office/http_api/run_callers.h"

#include <utility>

#include "core/grant.h"
#include "core/run/run_machine.h"
#include "core/run_viewer.h"
#include "net/http/cookie.h"
#include "net/http/head.h"
#include "post_office/authorized_runs.h"
#include "post_office/fields.h"
#include "post_office/http_api/origin_check.h"

namespace gw::http_api {

void RunCallers::identify(const http::Request& request, http::Responder responder, Then then) {
  QueryFields fields(request.query);
  std::string in_query = fields.optional_text("session_token").value_or("");
  if (in_query.empty()) in_query = fields.optional_text("token").value_or("");
  if (fields.fault()) return responder.send(refusal(*fields.fault()));
  std::string_view shown = in_query.empty() ? http::bearer_token(request.fields) : in_query;
  bool is_session_token = !in_query.empty();
  if (shown.empty()) {
    const auto in_cookie =
        http::cookie_token(request.fields, options_.cookie, request.host, options_.allowed_origins);
    if (!in_cookie) return responder.send(refusal(in_cookie.error()));
    shown = *in_cookie;
    is_session_token = true;
  }
  if (shown.empty() && !options_.anonymous) return responder.send(Access::refuse_stranger());
  if (shown.empty()) {
    // Where nothing has to be shown, the Host alone tells that a page came under a name of its own.
    if (auto refused = refuse_wrong_host(request)) return responder.send(*std::move(refused));
    return then({});
  }
  if (const ApiKey* const key = is_session_token ? nullptr : access_.find(shown)) {
    if (const Result<void> granted = key->check_scope(Scope::runs); !granted)
      return responder.send(refusal(granted.error()));
    responder.bill(key);
    return then({key, nullptr});
  }
  traffic_cop_.validate(shown, [this, responder, then = std::move(then), is_session_token,
                                from = request.remote_address](const Result<SessionPtr>& session) mutable {
    // As for /ws, who shows a session that has ended is no guesser of keys.
    if (!session && session.error().code == Errc::unauthenticated)
      return responder.send(is_session_token ? Access::refuse_session() : access_.refuse_unknown(from));
    if (!session) return responder.send(refusal(session.error()));
    responder.bill(&sessions_);
    then({nullptr, *session});
  });
}

ChannelSet RunCallers::granted(const RunCaller& caller) const {
  if (caller.key) return caller.key->channels;
  return granted_channels(caller.session.get(), options_.anonymous.value_or(ChannelSet()));
}

bool RunCallers::may_see(const RunCaller& caller, const RunRecord& run) const {
  if (caller.key) {
    RunReach reach = AuthorizedRuns::reach_of(*caller.key);
    reach.streams = true;
    return reaches(reach, run);
  }
  return run::may_see(run, viewer_of({}, caller.session.get(), granted(caller)));
}

}  // namespace gw::http_api
