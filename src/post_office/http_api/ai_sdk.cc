#include "post_office/http_api/ai_sdk.h"

#include <algorithm>
#include <utility>

#include "core/run/run_machine.h"
#include "post_office/fields.h"
#include "post_office/http_api/ai_sdk_request.h"
#include "post_office/http_api/chunk_outlet.h"
#include "post_office/http_api/run_bodies.h"

namespace gw::http_api {
namespace {

constexpr std::string_view kDone = "data: [DONE]\n\n";
// Who finds a chat's answer over for longer has it among his messages.
constexpr Duration kResumableAfterEnd = 60s;
// So often another answer to the same message is wanted because the one before went wrong.
constexpr int kAttemptsMax = 32;

http::Response invalid(std::string detail) {
  return refusal(Error{Errc::invalid_argument, std::move(detail)});
}

http::Response wrong_format(const Run& run) {
  return http::Response::error(
      409, "wrong_format",
      "the answer is no AI SDK stream; read it at /v1/stream/" + std::string(run.record.run_id.view()));
}

std::unique_ptr<RunOutlet> outlet_of(http::Responder responder, const RunAsking::Call&,
                                     const std::string& run_id) {
  const auto add_head = [run_id](http::Response& head, const Run& run) {
    const int64_t tail = static_cast<int64_t>(run.log.count_lines()) - 1;
    head.header("x-vercel-ai-ui-message-stream", "v1")
        .header("x-workflow-run-id", run_id)
        .header("x-workflow-stream-tail-index", std::to_string(tail))
        .header("Location", "/api/chat/" + run_id + "/stream");
  };
  return std::make_unique<ChunkOutlet>(std::move(responder), add_head, kDone);
}

std::variant<RunStart, http::Response> from_start(const Run& run) {
  if (run.log.is_expired()) return log_expired();
  return RunStart();
}

// The place of the chunk of that number, from the end where it is negative. Empty: there is none yet.
std::optional<uint64_t> place_of_chunk(const RunLog& log, int64_t index) {
  const auto count = static_cast<int64_t>(log.count_lines());
  const int64_t wanted = index < 0 ? std::max<int64_t>(count + index, 0) : index;
  if (wanted > count) return std::nullopt;
  uint64_t pos = 0;
  for (int64_t line = 0; line < wanted; ++line) pos = log.line_end(pos).value_or(log.size());
  return pos;
}

}  // namespace

// Where somebody wants to go on.
struct AiSdk::From {
  bool is_chat = false;
  std::optional<int64_t> start_index = {};
  std::string last_event_id = {};

  std::variant<RunStart, http::Response> place(const Run& run, WallTime now) const;
};

std::variant<RunStart, http::Response> AiSdk::From::place(const Run& run, WallTime now) const {
  const bool over = is_over(run.record.status);
  if (is_chat && over && now - run.record.ended_at > kResumableAfterEnd) return no_content();
  if (run.record.format != RunFormat::ai_sdk) return wrong_format(run);
  if (!last_event_id.empty()) return behind_event(run, last_event_id);
  if (run.log.is_expired()) return log_expired();
  const auto pos = place_of_chunk(run.log, start_index.value_or(0));
  if (!pos) return invalid("startIndex is beyond the end of the stream");
  if (over && *pos == run.log.size()) return no_content();
  return RunStart{*pos};
}

// A message on its way.
struct AiSdk::Send {
  RunAsking::Call call;
  AiSdkMessage message;

  // The name of its run; each attempt has one of its own.
  std::string run_id(int attempt) const {
    const bool is_known = !message.sameness.empty() && call.asker.audience.has_thread(message.chat_id);
    if (!is_known) return make_run_id();
    const std::string& same = message.sameness;
    return run_id_of_question(call.asker, call.channel_name,
                              attempt == 0 ? same : same + "\n" + std::to_string(attempt));
  }
};

// --- Asking -----------------------------------------------------------------------------------------------

void AiSdk::send(ApiRequest request) {
  QueryFields fields(request.request.query);
  const std::string channel = fields.optional_text("channel").value_or("");
  if (fields.fault() || channel.empty())
    return request.responder.send(
        invalid("channel is missing: whom to ask, as in /api/chat?channel=" + asking_.channels().names()[0]));
  asking_.begin(std::move(request), channel, outlet_of, [this](RunAsking::Call& call) {
    if (auto refused = asking_.refuse_question(call)) return call.refuse(*std::move(refused));
    const auto body = json::parse_object(call.body);
    if (!body) return call.refuse(invalid("the body must be a JSON object: " + body.error().message()));
    const Result<AiSdkMessage> message = read_ai_sdk_message(*body);
    if (!message) return call.refuse(refusal(message.error()));
    send(std::move(call), *message);
  });
}

void AiSdk::send(RunAsking::Call call, AiSdkMessage message) {
  send_in_chat(std::make_shared<Send>(Send{std::move(call), std::move(message)}));
}

// One answer at a time, so that the chat has one that is being written.
void AiSdk::send_in_chat(const SendPtr& send) {
  asking_.find_thread(send->call, send->message.chat_id, [this, send](const RunResult<std::string>& latest) {
    if (!latest) return send->call.refuse(refusal(latest.error()));
    if (latest->empty() || *latest == send->run_id(0)) return ask(send, 0);
    asking_.runs().find_record(*latest, {}, [this, send, latest = *latest](const RunResult<const Run*>& run) {
      const bool is_open = run && !is_over((*run)->record.status);
      if (!is_open) return ask(send, 0);
      // One whose first attempt went wrong is this question too.
      for (int attempt = 1; send->message.is_regeneration && attempt < kAttemptsMax; ++attempt) {
        if (send->run_id(attempt) == latest) return ask(send, attempt);
      }
      refuse_active(send, latest);
    });
  });
}

void AiSdk::refuse_active(const SendPtr& send, const std::string& run_id) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("success", false)
      .member("error", "an answer of this chat is still being written; wait for its end, or stop it")
      .member("code", "run_active")
      .member("run_id", run_id)
      .end_object();
  send->call.refuse(http::Response::json(409, std::move(body)));
}

void AiSdk::ask(const SendPtr& send, int attempt) {
  const RunAsking::Call& call = send->call;
  RunQuestion question;
  question.asker = call.asker;
  question.channel = call.channel;
  question.run_id = send->run_id(attempt);
  question.thread_id = send->message.chat_id;
  question.format = RunFormat::ai_sdk;
  question.payload = call.body;
  question.span = call.span;
  const std::string run_id = question.run_id;
  asking_.questions().ask(std::move(question),
                          [this, send, attempt, run_id](const RunResult<RunQuestions::Asked>& asked) {
                            if (!asked) return send->call.refuse(refusal(asked.error()));
                            if (asked->existed) return look_at_first(send, run_id, attempt);
                            asking_.follow(send->call, run_id, from_start, no_such_log());
                          });
}

// Who wants another answer because this one went wrong gets one; everybody else gets this one.
void AiSdk::look_at_first(const SendPtr& send, const std::string& run_id, int attempt) {
  const auto read_it = [this, send, run_id] {
    asking_.follow(send->call, run_id, from_start, no_such_log());
  };
  if (!send->message.is_regeneration || attempt + 1 >= kAttemptsMax) return read_it();
  asking_.runs().find_record(run_id, {}, [this, send, attempt, read_it](const RunResult<const Run*>& run) {
    const bool went_wrong =
        run && is_over((*run)->record.status) && (*run)->record.status != RunStatus::completed;
    if (went_wrong) return ask(send, attempt + 1);
    read_it();
  });
}

// --- Reading and stopping ---------------------------------------------------------------------------------

namespace {

std::string id_in(const http::Request& request) {
  const Result<std::string> id = path_parameter(request, "id");
  return id ? *id : std::string();
}

// A name of the gateway's own is a run's; every other one may be a chat's.
bool is_own_run(std::string_view id) { return id.starts_with("run_") && is_valid_run_id(id); }

}  // namespace

void AiSdk::find(RunAsking::Call& call, const std::string& id, Found found) {
  if (is_own_run(id)) return found(call, id, false);
  asking_.find_thread(call, id,
                      [call, id, found = std::move(found)](const RunResult<std::string>& run_id) mutable {
                        if (!run_id) return call.refuse(refusal(run_id.error()));
                        if (!run_id->empty()) return found(call, *run_id, true);
                        found(call, is_valid_run_id(id) ? id : "", false);
                      });
}

void AiSdk::resume(ApiRequest request) {
  QueryFields fields(request.request.query);
  const std::string channel = fields.optional_text("channel").value_or("");
  constexpr int64_t kMost = int64_t{1} << 40;
  const auto start_index = fields.optional_number_within("startIndex", -kMost, kMost);
  if (fields.fault()) return request.responder.send(refusal(*fields.fault()));
  const std::string id = id_in(request.request);
  asking_.begin(std::move(request), channel, outlet_of, [this, id, start_index](RunAsking::Call& call) {
    go_on(call, id, {false, start_index, call.last_event_id});
  });
}

void AiSdk::resume(RunAsking::Call call, const std::string& chat_id, uint64_t chunks_had) {
  go_on(call, chat_id, {false, static_cast<int64_t>(chunks_had), {}});
}

void AiSdk::go_on(RunAsking::Call& call, const std::string& id, From from) {
  // Nobody's chat and a foreign one have nothing to go on with.
  const http::Response unknown = is_own_run(id) ? no_such_log() : no_content();
  find(call, id, [this, unknown, from](RunAsking::Call& known, const std::string& run_id, bool is_chat) {
    if (run_id.empty()) return known.refuse(unknown);
    From start = from;
    start.is_chat = is_chat;
    const auto place = [this, start](const Run& run) { return start.place(run, asking_.runs().now()); };
    asking_.follow(known, run_id, place, unknown);
  });
}

void AiSdk::stop(ApiRequest request) {
  QueryFields fields(request.request.query);
  const std::string channel = fields.optional_text("channel").value_or("");
  if (fields.fault()) return request.responder.send(refusal(*fields.fault()));
  const std::string id = id_in(request.request);
  asking_.begin(std::move(request), channel, outlet_of, [this, id](RunAsking::Call& call) {
    find(call, id, [this](RunAsking::Call& known, const std::string& run_id, bool) {
      if (run_id.empty()) return known.refuse(no_such_log());
      asking_.cancel(known, run_id, [run_id](RunAsking::Call& asker, const RunResult<RunCancelled>& done) {
        if (!done) return asker.refuse(refusal(done.error()));
        std::string body;
        json::Writer(body)
            .begin_object()
            .member("success", true)
            .member("run_id", run_id)
            .member("status", to_string(*done))
            .end_object();
        asker.refuse(http::Response::json(202, std::move(body)));
      });
    });
  });
}

void add_ai_sdk_routes(Routes& routes, AiSdk& chats) {
  const auto to = [&chats](void (AiSdk::*verb)(ApiRequest)) -> Handler {
    return [&chats, verb](ApiRequest call) { (chats.*verb)(std::move(call)); };
  };
  routes.add("POST", "/api/chat", run_reader(), to(&AiSdk::send));
  routes.add("GET", "/api/chat/{id}/stream", run_reader(), to(&AiSdk::resume));
  routes.add("POST", "/api/chat/{id}/stop", run_reader(), to(&AiSdk::stop));
}

}  // namespace gw::http_api
