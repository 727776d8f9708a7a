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
// Answers to one message that can be told from each other: as many as a user has kept. Another one is always
// new.
constexpr int kAttemptsMax = 256;
// Who wants another answer so soon after the end of one has clicked before, and was sent twice.
constexpr Duration kSameClick = 2s;

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

bool is_of_chats(const Run& run) { return run.record.format == RunFormat::ai_sdk; }

// Who names no channel means any.
bool is_in_channel(const RunAsking::Call& call, const Run& run) {
  return call.channel_name.empty() || run.record.channel == call.channel;
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
  if (!is_of_chats(run)) return is_chat ? no_content() : wrong_format(run);
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

  bool has_name() const {
    return !message.sameness.empty() && call.asker.audience.has_thread(message.chat_id);
  }
  // The name of its run; each attempt has one of its own.
  std::string run_id(int attempt) const {
    if (!has_name() || attempt >= kAttemptsMax) return make_run_id();
    const std::string& same = message.sameness;
    return run_id_of_question(call.asker, call.channel_name,
                              attempt == 0 ? same : same + "\n" + std::to_string(attempt));
  }
  // Which attempt at this message a run is. Empty: it answers another one.
  std::optional<int> attempt_of(std::string_view run) const {
    const int most = !has_name() ? 0 : message.is_regeneration ? kAttemptsMax : 1;
    for (int attempt = 0; attempt < most; ++attempt) {
      if (run_id(attempt) == run) return attempt;
    }
    return std::nullopt;
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
    if (latest->empty()) return ask(send, 0);
    asking_.runs().find_record(*latest, {}, [this, send, latest = *latest](const RunResult<const Run*>& run) {
      // The last attempt at this question is the one to go on with.
      const auto attempt = send->attempt_of(latest);
      if (run && attempt) return look_at_first(send, latest, *attempt);
      const bool is_open =
          run && !is_over((*run)->record.status) && is_of_chats(**run) && is_in_channel(send->call, **run);
      if (is_open) return refuse_active(send, latest);
      ask(send, attempt.value_or(0));
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

// Who wants another answer gets one once this one is over. He gets this one while it is being written, and
// for as long after its end as it may be the same click; so does everybody else.
void AiSdk::look_at_first(const SendPtr& send, const std::string& run_id, int attempt) {
  const auto read_it = [this, send, run_id] {
    asking_.follow(send->call, run_id, from_start, no_such_log());
  };
  if (!send->message.is_regeneration) return read_it();
  asking_.runs().find_record(run_id, {}, [this, send, attempt, read_it](const RunResult<const Run*>& run) {
    if (!run || !is_over((*run)->record.status)) return read_it();
    const bool went_wrong = (*run)->record.status != RunStatus::completed;
    const bool is_same_click = asking_.runs().now() - (*run)->record.ended_at < kSameClick;
    if (went_wrong || !is_same_click) return ask(send, attempt + 1);
    read_it();
  });
}

// --- Reading and stopping ---------------------------------------------------------------------------------

namespace {

std::string id_in(const http::Request& request) {
  const Result<std::string> id = path_parameter(request, "id");
  return id ? *id : std::string();
}

}  // namespace

void AiSdk::find(RunAsking::Call& call, const std::string& id, Found found) {
  if (is_own_run_id(id)) return found(call, id, false);
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
  const http::Response unknown = is_own_run_id(id) ? no_such_log() : no_content();
  find(call, id, [this, unknown, from](RunAsking::Call& known, const std::string& run_id, bool is_chat) {
    if (run_id.empty()) return known.refuse(unknown);
    From start = from;
    start.is_chat = is_chat;
    const auto place = [this, start, known,
                        unknown](const Run& run) -> std::variant<RunStart, http::Response> {
      if (!is_in_channel(known, run)) return unknown;
      return start.place(run, asking_.runs().now());
    };
    asking_.follow(known, run_id, place, unknown);
  });
}

void AiSdk::stop(ApiRequest request) {
  QueryFields fields(request.request.query);
  const std::string channel = fields.optional_text("channel").value_or("");
  if (fields.fault()) return request.responder.send(refusal(*fields.fault()));
  const std::string id = id_in(request.request);
  asking_.begin(std::move(request), channel, outlet_of, [this, id](RunAsking::Call& call) {
    find(call, id, [this](RunAsking::Call& known, const std::string& run_id, bool is_chat) {
      if (run_id.empty()) return known.refuse(no_such_log());
      const auto misfit = [known, is_chat](const Run& run) -> std::optional<http::Response> {
        if (!is_in_channel(known, run) || (is_chat && !is_of_chats(run))) return no_such_log();
        if (!is_of_chats(run)) return wrong_format(run);
        return std::nullopt;
      };
      const auto told = [run_id](RunAsking::Call& asker, const RunResult<RunCancelled>& done) {
        if (!done) return asker.refuse(refusal(done.error()));
        std::string body;
        json::Writer(body)
            .begin_object()
            .member("success", true)
            .member("run_id", run_id)
            .member("status", to_string(*done))
            .end_object();
        asker.refuse(http::Response::json(202, std::move(body)));
      };
      asking_.cancel(known, run_id, misfit, told);
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
