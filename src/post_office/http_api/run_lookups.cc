#include "post_office/http_api/run_lookups.h"

#include "post_office/http_api/run_call.h"

namespace gw::http_api {
namespace {

constexpr int64_t kWaitMsMax = 25'000;
constexpr int64_t kListMax = 1000;
constexpr int64_t kListDefault = 100;

void append_run(json::Writer& body, const RunCall& call, const RunTop& top, const RunRecord& record,
                bool is_expired) {
  append_top(body, top);
  append_record(body, record, call.runs.runs.channels(), call.runs.runs.now());
  body.member("log_expired", is_expired);
}

void show_with_log(const RunCall& call, const Run& run) {
  if (run.log.is_expired()) {
    std::string body;
    json::Writer writer(body);
    writer.begin_object()
        .member("success", false)
        .member("error", "the log of this run has made room for others")
        .member("code", http::code_of(410))
        .key("run")
        .begin_object();
    append_top(writer, top_of(run));
    writer.end_object().end_object();
    return call.responder.send(http::Response::json(410, std::move(body)));
  }
  succeed(call.responder, [&](json::Writer& body) {
    append_run(body, call, top_of(run), run.record, false);
    body.member("log", run.log.bytes());
    if (has_lines(run.record.format)) body.member("items", run.log.count_lines());
  });
}

void look_up_with_log(const RunCall& call) {
  call.runs.runs.find(call.key, call.run_id, [call](const RunResult<const Run*>& run) mutable {
    if (!run) return refuse(call.responder, run.error());
    show_with_log(call, **run);
  });
}

void show(const RunCall& call, const RunTop& top, const RunRecord& record, bool is_expired) {
  succeed(call.responder, [&](json::Writer& body) { append_run(body, call, top, record, is_expired); });
}

void look_up(const RunCall& call) {
  call.runs.runs.find_record(call.key, call.run_id, [call](const RunResult<RunTail>& run) mutable {
    if (!run) return refuse(call.responder, run.error());
    show(call, run->top, run->record, run->is_expired);
  });
}

void look_up(const RunCall& call, bool with_log) { with_log ? look_up_with_log(call) : look_up(call); }

void show_waited(const RunCall& call, bool with_log, const Run* ended) {
  if (!ended) return look_up(call, with_log);
  if (with_log) return show_with_log(call, *ended);
  show(call, top_of(*ended), ended->record, ended->log.is_expired());
}

// What the caller looks for; faults name the field.
Result<RunFilter> read_filter(const Runs& runs, const ApiKey& key, std::string_view query) {
  QueryFields fields(query);
  RunFilter filter;
  const std::optional<std::string> channel = fields.optional_text("channel");
  const std::optional<std::string> thread_id = fields.optional_text("thread_id");
  filter.thread_id = thread_id.value_or("");
  const std::optional<std::string> status = fields.optional_text("status");
  filter.after = fields.optional_text("after").value_or("");
  filter.limit =
      static_cast<size_t>(fields.optional_number_within("limit", 1, kListMax).value_or(kListDefault));
  if (fields.fault()) return *fields.fault();
  if (thread_id && !is_valid_thread_id(*thread_id))
    return Error{Errc::invalid_argument, "thread_id must match [A-Za-z0-9._:@+=-]{1,128}"};
  if (!filter.after.empty() && !is_valid_run_id(filter.after) && !parse_run_list_place(filter.after))
    return Error{Errc::invalid_argument, "after must be a run_id, or what a list gave as after"};
  if (status && !(filter.status = parse_run_status(*status))) {
    return Error{Errc::invalid_argument,
                 "status must be queued, in_progress, completed, failed, cancelled or abandoned"};
  }
  if (!channel) return filter;
  const Result<ChannelIndex> granted = runs.runs.channel(key, *channel);
  if (!granted) return granted.error();
  filter.channel = *granted;
  return filter;
}

}  // namespace

void get_run(const Runs& runs, ApiRequest request) {
  QueryFields fields(request.request.query);
  const std::string include = fields.optional_text("include").value_or("");
  const auto wait =
      std::chrono::milliseconds(fields.optional_number_within("wait_ms", 0, kWaitMsMax).value_or(0));
  if (fields.fault()) return refuse(request.responder, *fields.fault());
  if (!include.empty() && include != "log")
    return refuse(request.responder, Error{Errc::invalid_argument, "include must be log"});
  const auto found = call_of(runs, request);
  if (!found) return;
  const RunCall call = *found;
  const bool with_log = include == "log";
  if (wait == Duration::zero()) return look_up(call, with_log);
  runs.runs.find_record(call.key, call.run_id, [call, with_log, wait](const RunResult<RunTail>& run) mutable {
    if (!run) return refuse(call.responder, run.error());
    if (is_over(run->top.status)) return look_up(call, with_log);
    const bool waits =
        call.runs.waits.wait(call.run_id, RunWaits::For::end, wait, call.key, call.responder,
                             [call, with_log](const Run* ended) { show_waited(call, with_log, ended); });
    if (!waits) refuse_to_wait(call);
  });
}

void list_runs(const Runs& runs, ApiRequest request) {
  const Result<RunFilter> filter = read_filter(runs, *request.key, request.request.query);
  if (!filter) return refuse(request.responder, filter.error());
  runs.runs.list(
      *request.key, *filter, [&runs, responder = request.responder](const RunResult<RunList>& found) mutable {
        if (!found) return refuse(responder, found.error());
        succeed(responder, [&](json::Writer& body) {
          body.key("runs").begin_array();
          for (const RunRecord& record : found->runs) {
            body.begin_object().member("status", to_string(record.status)).member("epoch", record.epoch);
            append_record(body, record, runs.runs.channels(), runs.runs.now());
            body.end_object();
          }
          body.end_array().key("after");
          if (found->after.empty()) return (void)body.null();
          body.value(found->after);
        });
      });
}

}  // namespace gw::http_api
