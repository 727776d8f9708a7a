#include "post_office/http_api/runs.h"

#include "core/run/run_machine.h"
#include "post_office/fields.h"
#include "post_office/http_api/audit.h"
#include "post_office/http_api/run_call.h"
#include "post_office/http_api/run_lookups.h"
#include "post_office/run_requests.h"

namespace gw::http_api {
namespace {

std::string run_name(const RunCall& call) { return "run:" + call.run_id; }

template <class T>
void tell(const Audit& audit, const RunResult<T>& result) {
  if (result) return audit.done();
  audit.failed(result.error());
}

// The run's own faults come before what the caller has done wrong, and the refusal says what the run is.
void refuse_about_run(const RunCall& call, RunRefusal refused) {
  call.runs.runs.find_record(
      call.key, call.run_id,
      [responder = call.responder, refused = std::move(refused)](const RunResult<RunTail>& run) mutable {
        if (!run) return refuse(responder, run.error());
        refused.run = run->top;
        refuse(responder, refused);
      });
}

// --- Making and claiming ----------------------------------------------------------------------------------

void append_claimed(json::Writer& body, const RunClaimed& claimed) {
  append_top(body, {claimed.status, claimed.epoch, claimed.pos, claimed.hash});
  body.member("lease_ms", std::chrono::duration_cast<std::chrono::milliseconds>(claimed.lease).count());
}

void make(const RunCall& call, NewRun run) {
  call.runs.runs.create(call.key, std::move(run), [call](const RunResult<RunCreated>& created) mutable {
    if (!created && created.error().code == RunErrc::exists) {
      // Of another's it is told that the name is taken, and nothing else.
      return call.runs.runs.find_record(
          call.key, call.run_id, [call, refused = created.error()](const RunResult<RunTail>& known) mutable {
            refused.run = known ? std::optional(known->top) : std::nullopt;
            refuse(call.responder, refused);
          });
    }
    if (!created) return refuse(call.responder, created.error());
    std::string body;
    json::Writer writer(body);
    writer.begin_object().member("success", true).member("run_id", call.run_id);
    if (created->claimed) append_claimed(writer, *created->claimed);
    writer.end_object();
    call.responder.send(http::Response::json(created->existed ? 200 : 201, std::move(body))
                            .header("Location", "/api/post-office/runs/" + call.run_id));
  });
}

void create(const Runs& runs, ApiRequest request) {
  Result<RunCreation> creation = read_run_creation(request.request.body);
  if (!creation) return refuse(request.responder, creation.error());
  const Result<ChannelIndex> channel = runs.runs.channel(*request.key, creation->channel);
  if (!channel) return refuse(request.responder, channel.error());
  creation->run.channel = *channel;
  creation->run.span = runs.spans.begin(request.request);
  const RunCall call{runs, *request.key, creation->run.run_id, std::move(request.responder)};
  runs.runs.audience(call.key, creation->to, creation->tenant_id,
                     [call, made = creation->run](const Result<RunAudience>& audience) mutable {
                       if (!audience) return refuse(call.responder, audience.error());
                       made.audience = *audience;
                       made.tenant_id = audience->tenant_id;
                       make(call, std::move(made));
                     });
}

void answer_claimed(const RunCall& call, const RunClaimed& claimed, const std::string* text) {
  succeed(call.responder, [&](json::Writer& body) {
    body.member("run_id", call.run_id);
    append_claimed(body, claimed);
    if (text) body.member("text", *text);
  });
}

// What the claim has kept, unless another claim has come meanwhile.
void answer_with_text(const RunCall& call, const RunClaimed& claimed) {
  call.runs.runs.find(call.key, call.run_id, [call, claimed](const RunResult<const Run*>& run) mutable {
    if (!run) return refuse(call.responder, run.error());
    const RunLog& log = (*run)->log;
    const bool is_there =
        !log.is_expired() && claimed.pos <= log.size() && log.hash_at(claimed.pos) == claimed.hash;
    if (!is_there) {
      RunRefusal moved = refusal_of(RunErrc::moved, "what this claim kept is not there any more");
      moved.run = top_of(**run);
      return refuse(call.responder, moved);
    }
    const std::string text(log.bytes(0, claimed.pos));
    answer_claimed(call, claimed, &text);
  });
}

void claim(const Runs& runs, ApiRequest request) {
  const Result<RunClaimCall> asked = read_run_claim(request.request.body);
  if (!asked) return refuse(request.responder, asked.error());
  const auto call = call_of(runs, request);
  if (!call) return;
  const Audit audit(request, "run.take", run_name(*call));
  runs.runs.claim(call->key, call->run_id, asked->claim,
                  [audit, is_forced = asked->claim.force, call = *call, with_text = asked->include_text,
                   is_bound = !asked->claim.group.empty()](const RunResult<RunClaimed>& claimed) mutable {
                    if (is_forced) tell(audit, claimed);
                    if (!claimed) return refuse(call.responder, claimed.error());
                    if (is_bound) call.runs.deliveries.claimed(call.run_id, call.key.tenant_id);
                    if (with_text) return answer_with_text(call, *claimed);
                    answer_claimed(call, *claimed, nullptr);
                  });
}

// --- Writing ----------------------------------------------------------------------------------------------

// `audit`: of one that takes the run from its owner.
void store(const RunCall& call, RunAppend append, const std::optional<Audit>& audit = {}) {
  call.runs.runs.append(call.key, call.run_id, std::move(append),
                        [call, audit](const RunResult<RunAppended>& appended) mutable {
                          if (audit) tell(*audit, appended);
                          if (!appended) return refuse(call.responder, appended.error());
                          if (!is_over(appended->status))
                            call.runs.deliveries.keep_open(call.run_id, call.key.tenant_id);
                          succeed(call.responder, [&](json::Writer& body) {
                            body.member("status", appended->duplicate ? "duplicate" : "appended")
                                .member("seq", appended->seq)
                                .member("pos", appended->pos)
                                .member("hash", appended->hash.text())
                                .member("run_status", to_string(appended->status))
                                .member("cancel_requested", appended->cancel_requested);
                          });
                        });
}

// Too many, unless something is wrong that comes before that.
void refuse_items(const RunCall& call, const RunAppend& append) {
  call.runs.runs.find(call.key, call.run_id, [call, append](const RunResult<const Run*>& run) mutable {
    if (!run) return refuse(call.responder, run.error());
    const auto before = run::answer_without_storing(**run, append);
    if (before && !*before) return refuse(call.responder, before->error());
    RunRefusal too_large = refusal_of(
        RunErrc::too_large, "an append has at most " + std::to_string(RunLimits::kAppendItems) + " items");
    too_large.run = top_of(**run);
    refuse(call.responder, too_large);
  });
}

void append(const Runs& runs, ApiRequest request) {
  Result<RunAppendCall> asked = read_run_append(request.request.body);
  if (!asked) return refuse(request.responder, asked.error());
  const auto call = call_of(runs, request);
  if (!call) return;
  if (asked->items > RunLimits::kAppendItems) return refuse_items(*call, asked->append);
  store(*call, std::move(asked->append));
}

void end(const Runs& runs, ApiRequest request) {
  Result<RunAppendCall> asked = read_run_end(request.request.body);
  if (!asked) return refuse(request.responder, asked.error());
  const auto call = call_of(runs, request);
  if (!call) return;
  std::optional<Audit> audit;
  if (asked->append.any_producer) audit.emplace(request, "run.end", run_name(*call));
  store(*call, std::move(asked->append), audit);
}

// --- Heartbeats and cancels -------------------------------------------------------------------------------

void answer_beat(http::Responder& responder, const RunBeat& beat) {
  succeed(responder, [&](json::Writer& body) {
    body.member("run_status", to_string(beat.status))
        .member("pos", beat.pos)
        .member("hash", beat.hash.text())
        .member("cancel_requested", beat.cancel_requested)
        .member("lease_ms", std::chrono::duration_cast<std::chrono::milliseconds>(beat.lease).count());
  });
}

// After the wait: as the run is, for the owner that asked before it.
void answer_waited(const RunCall& call, const RunHeartbeat& heartbeat, const RunTop& top,
                   const RunRecord& record) {
  if (record.claim_epoch != heartbeat.epoch || record.producer != heartbeat.producer) {
    RunRefusal fenced = refusal_of(RunErrc::fenced, "another claim of the run came after this one");
    fenced.epoch = record.claim_epoch;
    fenced.run = top;
    return refuse(call.responder, fenced);
  }
  answer_beat(call.responder, {top.status, top.pos, top.hash, record.cancel_requested, record.lease});
}

void answer_waited(const RunCall& call, const RunHeartbeat& heartbeat, const Run* ended) {
  if (ended) return answer_waited(call, heartbeat, top_of(*ended), ended->record);
  call.runs.runs.find_record(call.key, call.run_id, [call, heartbeat](const RunResult<RunTail>& run) mutable {
    if (!run) return refuse(call.responder, run.error());
    answer_waited(call, heartbeat, run->top, run->record);
  });
}

void wait_for_owner(const RunCall& call, const RunHeartbeatCall& asked, const RunBeat& beat) {
  if (asked.wait > beat.lease / 2) {
    return refuse_about_run(
        call, refusal_of(RunErrc::invalid_argument, "wait_ms must be at most half of the run's lease"));
  }
  const bool waits = call.runs.waits.wait(
      call.run_id, RunWaits::For::owner, asked.wait, call.key, call.responder,
      [call, heartbeat = asked.heartbeat](const Run* ended) { answer_waited(call, heartbeat, ended); });
  if (!waits) refuse_to_wait(call);
}

void heartbeat(const Runs& runs, ApiRequest request) {
  const Result<RunHeartbeatCall> asked = read_run_heartbeat(request.request.body);
  if (!asked) return refuse(request.responder, asked.error());
  const auto call = call_of(runs, request);
  if (!call) return;
  runs.runs.heartbeat(call->key, call->run_id, asked->heartbeat,
                      [call = *call, asked = *asked](const RunResult<RunBeat>& beat) mutable {
                        if (!beat) return refuse(call.responder, beat.error());
                        call.runs.deliveries.keep_open(call.run_id, call.key.tenant_id);
                        if (asked.wait == Duration::zero() || beat->cancel_requested)
                          return answer_beat(call.responder, *beat);
                        wait_for_owner(call, asked, *beat);
                      });
}

void cancel(const Runs& runs, ApiRequest request) {
  const Result<std::string> reason = read_run_cancel(request.request.body);
  if (!reason) return refuse(request.responder, reason.error());
  const auto call = call_of(runs, request);
  if (!call) return;
  const Audit audit(request, "run.cancel", run_name(*call));
  runs.runs.cancel(call->key, call->run_id, *reason,
                   [audit, responder = call->responder](const RunResult<RunCancelled>& cancelled) mutable {
                     tell(audit, cancelled);
                     if (!cancelled) return refuse(responder, cancelled.error());
                     succeed(
                         responder, [&](json::Writer& body) { body.member("status", to_string(*cancelled)); },
                         202);
                   });
}

void remove(const Runs& runs, ApiRequest request) {
  QueryFields fields(request.request.query);
  const std::string producer = fields.optional_text("producer").value_or("");
  if (fields.fault()) return refuse(request.responder, *fields.fault());
  const auto call = call_of(runs, request);
  if (!call) return;
  const Audit audit(request, "run.delete", run_name(*call));
  runs.runs.remove(
      call->key, call->run_id, producer, [audit, call = *call](const RunResult<void>& removed) mutable {
        tell(audit, removed);
        if (!removed) return refuse(call.responder, removed.error());
        succeed(call.responder,
                [&](json::Writer& body) { body.member("run_id", call.run_id).member("status", "deleted"); });
      });
}

}  // namespace

void add_run_routes(Routes& routes, const Runs& runs) {
  const auto to = [&runs](auto verb) -> Handler {
    return [&runs, verb](ApiRequest call) { verb(runs, std::move(call)); };
  };
  const Needs key = scope(Scope::runs);
  routes.add("POST", "/api/post-office/runs", key, to(create));
  routes.add("GET", "/api/post-office/runs", key, to(list_runs));
  routes.add("GET", "/api/post-office/runs/{id}", key, to(get_run));
  routes.add("DELETE", "/api/post-office/runs/{id}", key, to(remove));
  routes.add("POST", "/api/post-office/runs/{id}/claim", key, to(claim));
  routes.add("POST", "/api/post-office/runs/{id}/append", key, to(append));
  routes.add("POST", "/api/post-office/runs/{id}/end", key, to(end));
  routes.add("POST", "/api/post-office/runs/{id}/heartbeat", key, to(heartbeat));
  routes.add("POST", "/api/post-office/runs/{id}/cancel", key, to(cancel));
}

}  // namespace gw::http_api
