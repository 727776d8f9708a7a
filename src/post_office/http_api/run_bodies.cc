#include "post_office/http_api/run_bodies.h"

#include <chrono>

#include "core/run/run_machine.h"

namespace gw::http_api {
namespace {

int status_of(RunErrc code) {
  switch (code) {
    case RunErrc::invalid_argument: return 400;
    case RunErrc::not_found: return 404;
    case RunErrc::forbidden:
    case RunErrc::fenced: return 403;
    case RunErrc::exists:
    case RunErrc::held:
    case RunErrc::moved:
    case RunErrc::ended:
    case RunErrc::sequence_gap:
    case RunErrc::sequence_conflict:
    case RunErrc::mixed_framing: return 409;
    case RunErrc::too_large: return 413;
    case RunErrc::rate_limited:
    case RunErrc::too_many_runs:
    case RunErrc::resource_exhausted: return 429;
    case RunErrc::unavailable: break;
  }
  return 503;
}

int64_t milliseconds(Duration duration) {
  return std::chrono::ceil<std::chrono::milliseconds>(duration).count();
}

// To whom it is, in the words of the call that made it.
void append_audience(json::Writer& writer, const RunAudience& audience) {
  using Kind = RunAudience::Kind;
  if (audience.kind == Kind::channel || audience.kind == Kind::anonymous) {
    writer.key("to").null();
    return;
  }
  const char* const name = audience.kind == Kind::user      ? "user_id"
                           : audience.kind == Kind::session ? "session_ref"
                                                            : "connection_id";
  writer.key("to").begin_object().member(name, audience.who.view()).end_object();
}

void append_text_or_null(json::Writer& writer, const char* name, std::string_view text) {
  if (text.empty()) {
    writer.key(name).null();
  } else {
    writer.member(name, text);
  }
}

void append_json_or_null(json::Writer& writer, const char* name, const std::string& json) {
  writer.key(name).raw(json.empty() ? "null" : json);
}

void append_owner(json::Writer& writer, const RunRecord& record, WallTime now) {
  append_text_or_null(writer, "producer", record.producer);
  writer.member("claim_epoch", record.claim_epoch).key("owner");
  if (record.status == RunStatus::in_progress) {
    writer.value(run::is_owner_lost(record, now) ? "lost" : "live");
  } else {
    writer.null();
  }
  writer.member("lease_ms", milliseconds(record.lease))
      .member("takeover_ms", milliseconds(record.takeover))
      .member("idle_ms", std::max<int64_t>(milliseconds(now - record.last_byte_at), 0));
}

}  // namespace

void append_top(json::Writer& writer, const RunTop& top) {
  writer.member("status", to_string(top.status))
      .member("epoch", top.epoch)
      .member("pos", top.pos)
      .member("hash", top.hash.text());
}

void append_outcome(json::Writer& writer, const RunRecord& record) {
  if (record.rare->error) {
    writer.key("error").begin_object();
    writer.member("code", record.rare->error->code)
        .member("message", record.rare->error->message)
        .end_object();
  } else {
    writer.key("error").null();
  }
  append_json_or_null(writer, "result", record.rare->result);
}

void append_record(json::Writer& writer, const RunRecord& record, const ChannelTable& channels,
                   WallTime now) {
  writer.member("run_id", record.run_id.view()).member("channel", channels.name(record.channel));
  append_audience(writer, record.audience);
  append_text_or_null(writer, "tenant_id", record.tenant_id);
  append_text_or_null(writer, "thread_id", record.thread_id);
  writer.member("format", to_string(record.format)).member("bytes_max", record.bytes_max);
  append_json_or_null(writer, "metadata", record.rare->metadata);
  writer.member("push", record.push);
  append_owner(writer, record, now);
  writer.member("cancel_requested", record.cancel_requested);
  append_text_or_null(writer, "cancel_reason", record.rare->cancel_reason);
  append_outcome(writer, record);
  writer.member("created_at", iso8601(record.created_at)).key("ended_at");
  if (is_over(record.status)) {
    writer.value(iso8601(record.ended_at));
  } else {
    writer.null();
  }
}

http::Response refusal(const RunRefusal& refusal) {
  const bool is_hidden = refusal.code == RunErrc::not_found;
  const int status = status_of(refusal.code);
  std::string body;
  json::Writer writer(body);
  writer.begin_object()
      .member("success", false)
      .member("error", is_hidden ? "no such run" : refusal.detail)
      .member("code", to_string(refusal.code));
  if (refusal.code == RunErrc::fenced) writer.member("epoch", refusal.epoch);
  if (refusal.code == RunErrc::sequence_gap) writer.member("expected_seq", refusal.expected_seq);
  if (refusal.retry_after > Duration::zero())
    writer.member("retry_after_ms", milliseconds(refusal.retry_after));
  if (refusal.run && !is_hidden) {
    writer.key("run").begin_object();
    append_top(writer, *refusal.run);
    writer.end_object();
  }
  writer.end_object();
  http::Response response = http::Response::json(status, std::move(body));
  if (status == 429 || status == 503) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(refusal.retry_after).count();
    response.header("Retry-After", std::to_string(std::max<int64_t>(seconds, 1)));
  }
  return response;
}

}  // namespace gw::http_api
