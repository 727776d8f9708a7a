#include "post_office/http_api/run_asking.h"

#include <utility>

#include "base/digest.h"
#include "base/hex.h"
#include "core/run_account.h"
#include "net/http/head.h"
#include "post_office/fields.h"
#include "post_office/http_api/log_answers.h"
#include "post_office/http_api/run_bodies.h"
#include "post_office/http_api/run_feed.h"

namespace gw::http_api {

std::variant<RunStart, http::Response> behind_event(const Run& run, std::string_view last_event_id) {
  const RunStart start = resume_run(run, RunCursor::parse(last_event_id));
  if (start.loses) return run.log.is_expired() ? log_expired() : cursor_mismatch();
  if (start.pos == run.log.size() && is_over(run.record.status)) return no_content();
  if (run.log.is_expired()) return log_expired();
  return start;
}

void RunAsking::begin(ApiRequest request, std::string channel, MakeOutlet outlet, Then then) {
  const http::Request& from = request.request;
  QueryFields fields(from.query);
  const std::string user_id = fields.optional_user_id("user_id").value_or("");
  const std::string tenant_id = fields.optional_name("tenant_id").value_or("");
  if (fields.fault()) return request.responder.send(refusal(*fields.fault()));
  http::Responder responder = request.responder;
  Call call;
  call.refuse = [responder](http::Response response) mutable { responder.send(std::move(response)); };
  call.outlet = [responder, make = std::move(outlet)](const Call& asked, const std::string& run_id) {
    return make(responder, asked, run_id);
  };
  call.channel_name = std::move(channel);
  call.body = from.body;
  call.last_event_id = trim_blanks(from.field("Last-Event-ID").value_or(""));
  call.span = parts_.spans.begin(from);
  parts_.callers.identify(from, request.responder,
                          [this, call = std::move(call), address = from.remote_address, user_id, tenant_id,
                           then = std::move(then)](const RunCaller& caller) mutable {
                            call.caller = caller;
                            const Result<void> named = name(call, address, user_id, tenant_id);
                            if (!named) return call.refuse(refusal(named.error()));
                            then(call);
                          });
}

Result<void> RunAsking::name(Call& call, const std::optional<IpAddress>& from, const std::string& user_id,
                             const std::string& tenant_id) const {
  call.session = parts_.readers.keep_current(call.caller.session);
  if (Result<void> named = name_channel(call); !named) return named;
  return name_asker(call, from, user_id, tenant_id);
}

Result<void> RunAsking::name_channel(Call& call) const {
  if (call.channel_name.empty()) return {};
  const auto channel = parts_.channels.find(call.channel_name);
  if (!channel) return Error{Errc::not_found, "channel: there is no such channel"};
  if (!parts_.callers.granted(call.caller).contains(*channel))
    return Error{Errc::permission_denied, "channel: you may not use it"};
  call.channel = *channel;
  return {};
}

// What a key asks is its channel's, unless it says for which user.
Result<void> RunAsking::name_asker(Call& call, const std::optional<IpAddress>& from,
                                   const std::string& user_id, const std::string& tenant_id) const {
  using Kind = RunAudience::Kind;
  RunAsker& asker = call.asker;
  if (const ApiKey* const key = call.caller.key) {
    const Result<std::string> tenant = key->tenant_for(tenant_id);
    if (!tenant) return tenant.error();
    asker.tenant_id = *tenant;
    asker.audience = {user_id.empty() ? Kind::channel : Kind::user, user_id, *tenant};
    return {};
  }
  if (!user_id.empty() || !tenant_id.empty())
    return Error{Errc::permission_denied,
                 "user_id and tenant_id are for API keys; a session says whose it is"};
  asker.session = call.caller.session;
  if (const Session* const session = asker.session.get()) {
    asker.tenant_id = session->tenant_id;
    asker.audience = {Kind::user, session->user_id, session->tenant_id};
  } else {
    // This machine stands for many, as for /ws.
    const bool is_its_own = from && !from->is_this_machine();
    const std::string who =
        asker.connection_id.empty() ? to_hex(sha256(call.body)).substr(0, 32) : asker.connection_id;
    asker.asked_by = stranger_account(is_its_own ? from : std::nullopt, who);
  }
  return {};
}

RunCaller RunAsking::caller_of(const Call& call) {
  RunCaller caller = call.caller;
  if (call.session) caller.session = *call.session;
  return caller;
}

std::optional<http::Response> RunAsking::refuse_question(const Call& call) const {
  // Whoever could not read the answer does not ask.
  if (call.body.size() <= parts_.question_bytes_max) return parts_.readers.refuse_one_more(call.caller);
  const std::string most = std::to_string(parts_.question_bytes_max);
  return refusal(Error{Errc::too_large, "the message is larger than " + most +
                                            " bytes (max-message-bytes); send the last messages alone, the "
                                            "agent keeps the rest"});
}

void RunAsking::follow(const Call& call, const std::string& run_id, RunReaders::Place place,
                       http::Response unknown) {
  const auto make = [this, call, run_id](RunFollower::Settle settle) {
    return std::make_shared<RunFeed>(call.outlet(call, run_id), std::move(settle),
                                     parts_.readers.lag_bytes());
  };
  parts_.readers.follow({caller_of(call), run_id, make, std::move(place), std::move(unknown)});
}

void RunAsking::find_thread(const Call& call, std::string_view thread_id, RunDone<std::string> done) {
  const bool may_be = is_valid_thread_id(thread_id) && call.asker.audience.has_thread(thread_id) &&
                      (call.asker.audience.kind != RunAudience::Kind::channel || !call.channel_name.empty());
  if (!may_be) return done(std::string());
  parts_.runs.find_thread(call.asker.audience, call.channel, thread_id,
                          [done = std::move(done)](const RunResult<std::string>& found) {
                            if (!found && found.error().code == RunErrc::not_found)
                              return done(std::string());
                            done(found);
                          });
}

void RunAsking::cancel(Call call, const std::string& run_id, Misfit misfit,
                       std::function<void(Call&, const RunResult<RunCancelled>&)> done) {
  parts_.runs.find_record(
      run_id, {},
      [this, call, run_id, misfit = std::move(misfit),
       done = std::move(done)](const RunResult<const Run*>& run) mutable {
        RunRefusal refused;
        if (!run || !parts_.callers.may_see(caller_of(call), (*run)->record)) {
          refused.code = run ? RunErrc::not_found : run.error().code;
          return done(call, refused);
        }
        if (auto answer = misfit(**run)) return call.refuse(*std::move(answer));
        if (!call.caller.key && (*run)->record.audience.kind == RunAudience::Kind::channel) {
          refused.code = RunErrc::forbidden;
          refused.detail = "keys alone cancel a channel's run";
          return done(call, refused);
        }
        parts_.runs.cancel(
            run_id, {}, "the client asked for it",
            [call, done](const RunResult<RunCancelled>& cancelled) mutable { done(call, cancelled); });
      });
}

}  // namespace gw::http_api
