#include "post_office/http_api/ag_ui.h"

#include <algorithm>
#include <utility>

#include "core/run/run_machine.h"
#include "json/json.h"
#include "net/http/query.h"
#include "post_office/fields.h"
#include "post_office/http_api/chunk_outlet.h"
#include "post_office/http_api/run_bodies.h"
#include "post_office/run_requests.h"

namespace gw::http_api {
namespace {

constexpr size_t kRunIdBytesMax = 256;
// A runId that nobody else can guess, as a thread of somebody without a session has to be.
constexpr size_t kSecretRunIdBytes = 16;

http::Response invalid(std::string detail) {
  return refusal(Error{Errc::invalid_argument, std::move(detail)});
}

std::string parameter_of(const http::Request& request, std::string_view name) {
  const Result<std::string> value = path_parameter(request, name);
  return value ? *value : std::string();
}

std::string encoded(std::string_view channel) {
  std::string out;
  for (const char c : channel) {
    if (c == ':') {
      out += "%3A";
    } else {
      out += c;
    }
  }
  return out;
}

std::unique_ptr<RunOutlet> outlet_of(http::Responder responder, const RunAsking::Call& call,
                                     const std::string& run_id) {
  std::string location = "/ag-ui/agent/" + encoded(call.channel_name) + "/run/" + run_id;
  return std::make_unique<ChunkOutlet>(
      std::move(responder),
      [location = std::move(location)](http::Response& head, const Run&) {
        head.header("Location", location);
      },
      "");
}

bool is_agents(const RunAsking::Call& call, const Run& run) {
  return run.record.channel == call.channel && run.record.format == RunFormat::ag_ui;
}

constexpr const char* kThreadIdForm = "threadId must match [A-Za-z0-9._:@+=-]{1,128}";

// A thread without a run has no events.
http::Response no_events() {
  http::Response nothing;
  nothing.content_type = "text/event-stream";
  nothing.body = ": no run\n\n";
  return nothing;
}

std::variant<RunStart, http::Response> from_first(const Run& run) {
  if (run.log.is_expired()) return log_expired();
  return RunStart();
}

// The name of the run that a client calls `run_id`. Empty: it can be none but a new one.
std::string own_name(const RunAsking::Call& call, std::string_view run_id) {
  const bool is_anonymous = call.asker.audience.kind == RunAudience::Kind::anonymous;
  if (run_id.empty() || (is_anonymous && run_id.size() < kSecretRunIdBytes)) return {};
  return run_id_of_question(call.asker, call.channel_name, run_id);
}

}  // namespace

void AgUi::begin(ApiRequest request, Start start) {
  std::string channel = parameter_of(request.request, "channel");
  if (!is_valid_channel(channel))
    return request.responder.send(invalid("channel must match [a-z0-9_.:-]{1,64}"));
  asking_.begin(std::move(request), std::move(channel), outlet_of, std::move(start));
}

void AgUi::run(ApiRequest request) {
  begin(std::move(request), [this](RunAsking::Call& call) {
    if (auto refused = asking_.refuse_question(call)) return call.refuse(*std::move(refused));
    ask(call);
  });
}

void AgUi::ask(RunAsking::Call& call) {
  BodyFields fields(call.body);
  const std::string thread_id = fields.text("threadId");
  const std::string run_id = fields.text("runId");
  const auto messages = fields.optional_list("messages");
  if (fields.fault()) return call.refuse(refusal(*fields.fault()));
  if (!messages) return call.refuse(invalid("messages is required: the body must be a RunAgentInput"));
  if (!std::all_of(messages->begin(), messages->end(),
                   [](const json::Value& one) { return one.is_object(); }))
    return call.refuse(invalid("messages: each must be an object"));
  if (!is_valid_thread_id(thread_id)) return call.refuse(invalid(kThreadIdForm));
  if (run_id.empty() || run_id.size() > kRunIdBytesMax)
    return call.refuse(invalid("runId has 1 to 256 bytes"));

  RunQuestion question;
  question.asker = call.asker;
  question.channel = call.channel;
  question.run_id = own_name(call, run_id);
  if (question.run_id.empty()) question.run_id = make_run_id();
  question.thread_id = thread_id;
  question.format = RunFormat::ag_ui;
  question.payload = call.body;
  question.client_run_id = run_id;
  append_item(question.messages, fields.raw("messages"));
  question.messages.pop_back();
  question.span = call.span;
  const std::string name = question.run_id;
  asking_.questions().ask(std::move(question),
                          [this, call, name](const RunResult<RunQuestions::Asked>& asked) mutable {
                            if (!asked) return call.refuse(refusal(asked.error()));
                            follow(call, name, from_first, no_such_log());
                          });
}

void AgUi::follow(const RunAsking::Call& call, const std::string& run_id, RunReaders::Place place,
                  const http::Response& unknown) {
  const auto checked = [place = std::move(place), call,
                        unknown](const Run& run) -> std::variant<RunStart, http::Response> {
    if (!is_agents(call, run)) return unknown;
    return place(run);
  };
  asking_.follow(call, run_id, checked, unknown);
}

void AgUi::resume(ApiRequest request) {
  const std::string run_id = parameter_of(request.request, "run_id");
  begin(std::move(request), [this, run_id](RunAsking::Call& call) {
    if (!is_valid_run_id(run_id)) return call.refuse(no_such_log());
    if (call.last_event_id.empty()) return follow(call, run_id, from_first, no_such_log());
    const auto behind = [at = call.last_event_id](const Run& run) { return behind_event(run, at); };
    follow(call, run_id, behind, no_such_log());
  });
}

void AgUi::connect(ApiRequest request) {
  begin(std::move(request), [this](RunAsking::Call& call) {
    BodyFields fields(call.body);
    const std::string thread_id = fields.text("threadId");
    if (fields.fault()) return call.refuse(refusal(*fields.fault()));
    if (!is_valid_thread_id(thread_id)) return call.refuse(invalid(kThreadIdForm));
    asking_.find_thread(call, thread_id, [this, call](const RunResult<std::string>& run_id) mutable {
      if (!run_id) return call.refuse(refusal(run_id.error()));
      if (run_id->empty()) return call.refuse(no_events());
      follow(call, *run_id, from_first, no_events());
    });
  });
}

void AgUi::stop(ApiRequest request) {
  const std::string thread_id = parameter_of(request.request, "thread_id");
  begin(std::move(request), [this, thread_id](RunAsking::Call& call) {
    std::string run_id;
    if (!call.body.empty()) {
      BodyFields fields(call.body);
      run_id = fields.optional_text("runId").value_or("");
      if (fields.fault()) return call.refuse(refusal(*fields.fault()));
    }
    if (const std::string name = own_name(call, run_id); !name.empty()) return cancel(call, name);
    asking_.find_thread(call, thread_id, [this, call](const RunResult<std::string>& latest) mutable {
      if (!latest) return call.refuse(refusal(latest.error()));
      if (latest->empty()) return call.refuse(no_such_log());
      cancel(call, *latest);
    });
  });
}

void AgUi::cancel(RunAsking::Call& call, const std::string& run_id) {
  const auto misfit = [call](const Run& run) -> std::optional<http::Response> {
    if (!is_agents(call, run)) return no_such_log();
    return std::nullopt;
  };
  asking_.cancel(call, run_id, misfit, [run_id](RunAsking::Call& asker, const RunResult<RunCancelled>& done) {
    if (!done) return asker.refuse(refusal(done.error()));
    std::string body;
    json::Writer(body)
        .begin_object()
        .member("success", true)
        .member("stopped", *done != RunCancelled::ended)
        .member("run_id", run_id)
        .member("status", to_string(*done))
        .end_object();
    asker.refuse(http::Response::json(202, std::move(body)));
  });
}

void AgUi::info(ApiRequest request) {
  asking_.begin(std::move(request), "", outlet_of, [this](RunAsking::Call& call) {
    std::string body;
    json::Writer writer(body);
    writer.begin_object()
        .member("version", GW_VERSION)
        .member("mode", "sse")
        .member("audioFileTranscriptionEnabled", false)
        .key("agents")
        .begin_object();
    asking_.callers().granted(call.caller).for_each([&](ChannelIndex channel) {
      if (channel >= asking_.channels().size()) return;
      const std::string& name = asking_.channels().name(channel);
      writer.key(name)
          .begin_object()
          .member("name", name)
          .member("className", "HttpAgent")
          .member("description", "")
          .key("capabilities")
          .begin_object()
          .key("transport")
          .begin_object()
          .member("streaming", true)
          .member("resumable", true)
          .end_object()
          .end_object()
          .end_object();
    });
    writer.end_object().end_object();
    call.refuse(http::Response::json(200, std::move(body)));
  });
}

void add_ag_ui_routes(Routes& routes, AgUi& agents) {
  const auto to = [&agents](auto verb) -> Handler {
    return [&agents, verb](ApiRequest call) { (agents.*verb)(std::move(call)); };
  };
  const Needs reader = run_reader();
  routes.add("POST", "/ag-ui/agent/{channel}/run", reader, to(&AgUi::run));
  routes.add("GET", "/ag-ui/agent/{channel}/run/{run_id}", reader, to(&AgUi::resume));
  routes.add("POST", "/ag-ui/agent/{channel}/connect", reader, to(&AgUi::connect));
  routes.add("POST", "/ag-ui/agent/{channel}/stop/{thread_id}", reader, to(&AgUi::stop));
  routes.add("GET", "/ag-ui/info", reader, to(&AgUi::info));
}

}  // namespace gw::http_api
