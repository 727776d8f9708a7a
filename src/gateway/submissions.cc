#include "gateway/submissions.h"

#include <algorithm>
#include "protocol/server_message.h"

namespace gw {
namespace {

// Who shares what one may use: a session's connections, or the one connection without a session.
uint64_t sender_of(const event::Message& event) {
  if (event.session) return std::hash<std::string_view>()(event.session->ref);
  return (uint64_t{event.handle.shard} << 48) ^ (uint64_t{event.handle.slot} << 32) ^
         event.handle.generation ^ (uint64_t{1} << 63);
}

// The control loop's turn may have begun before the shard's.
TimePoint answered_at(TimePoint now, const event::Message& message) {
  return std::max(now, message.received_at);
}

}  // namespace

Submissions::Submissions(Parts parts)
    : parts_(std::move(parts)),
      asks_({parts_.engine.runs(),
             [this](const std::string& dedupe_key, bool everywhere, Done<Submitted> done) {
               parts_.engine.agents().find_duplicate(dedupe_key, everywhere, std::move(done));
             },
             [this](event::Message&& message) { submit(std::move(message)); },
             [this](const event::Message& message, protocol::ErrorCode code) { refuse(message, code); },
             [this](const event::Message& message, const std::string& run) {
               answer_repeated(message, run);
             }}) {}

void Submissions::take(event::Message& event) {
  if (!asks_.take(event)) submit(std::move(event));
}

void Submissions::submit(event::Message&& event) {
  AgentMessage message;
  message.channel = event.channel;
  if (event.session) message.tenant_id = event.session->tenant_id;
  message.message_id = std::move(event.message_id);
  message.envelope = std::move(event.envelope);
  message.dedupe_key = std::move(event.dedupe_key);
  message.dedupe_everywhere = event.dedupe_everywhere;
  message.makes_run = event.run != nullptr;
  message.sender = sender_of(event);
  const auto scope = event.span ? log_scope(event.span->open.context) : std::nullopt;
  parts_.engine.agents().submit(std::move(message),
                                [this, event = std::move(event)](Result<Submitted> submitted) mutable {
                                  on_submitted(event, submitted);
                                });
}

void Submissions::on_submitted(event::Message& event, const Result<Submitted>& submitted) {
  parts_.stats.message_latency.record(answered_at(parts_.loop.now(), event) - event.received_at);
  if (submitted) return on_taken(event, *submitted);
  const Errc why = submitted.error().code;
  // These say that it was not sent. Of others nobody knows: its run stays, and time decides.
  if (event.run && (why == Errc::resource_exhausted || why == Errc::unavailable))
    parts_.engine.runs().withdraw(event.run->run_id);
  const bool overloaded = why == Errc::resource_exhausted || why == Errc::timeout;
  refuse(event, overloaded ? protocol::ErrorCode::overloaded : protocol::ErrorCode::internal);
}

void Submissions::on_taken(event::Message& event, const Submitted& submitted) {
  auto status = protocol::AckStatus::published;
  switch (submitted.outcome) {
    case Submitted::published: ++parts_.stats.messages_published_total; break;
    case Submitted::queued:
      ++parts_.stats.messages_queued_total;
      status = protocol::AckStatus::queued;
      break;
    case Submitted::duplicate:
      if (event.run) parts_.engine.runs().withdraw(event.run->run_id);
      return answer_repeated(event, submitted.first_id.empty() ? "" : run_id_of_message(submitted.first_id));
  }
  end_span(event, protocol::to_string(status));
  if (event.id.empty()) return;
  if (!event.run) {
    const size_t bytes = event.id.size();
    return parts_.post(event.handle.shard, command::Ack{event.handle, std::move(event.id), status}, bytes);
  }
  if (!event.run->attach) return reply(event, ack(event, status, event.run->run_id, false));
  parts_.attachments.begin(event.handle, *event.run->attach, event.run->run_id,
                           [this, event, status](bool attached) {
                             return make_text_frame(ack(event, status, event.run->run_id, attached));
                           });
}

// `first_run`: of the first message; empty: it made none.
void Submissions::answer_repeated(const event::Message& event, const std::string& first_run) {
  ++parts_.stats.messages_duplicate_total;
  constexpr auto status = protocol::AckStatus::duplicate;
  end_span(event, protocol::to_string(status));
  if (event.id.empty()) return;
  if (!event.run && first_run.empty()) return reply(event, ack(event, status));
  const auto made_ack = [this, event, first_run](bool is_there, bool attached) {
    const std::string_view run_id = is_there ? std::string_view(first_run) : "";
    return make_text_frame(ack(event, status, run_id, attached || !is_there || !event.run));
  };
  parts_.attachments.begin_again(event.handle, event.run ? event.run->attach : std::optional<uint64_t>(0),
                                 first_run, made_ack);
}

std::string Submissions::ack(const event::Message& event, protocol::AckStatus status, std::string_view run_id,
                             bool attached) {
  std::string text;
  protocol::append_ack(text, event.id, status, parts_.loop.wall_now(),
                       {.run_id = run_id, .attached = attached});
  return text;
}

void Submissions::refuse(const event::Message& event, protocol::ErrorCode code) {
  ++parts_.stats.messages_rejected_total;
  end_span(event, code == protocol::ErrorCode::internal ? "error" : "rejected", protocol::to_string(code));
  std::string text;
  protocol::append_error(text, code, error_message_of(code), event.id, parts_.loop.wall_now());
  if (!event.run || !event.run->attach) return reply(event, text, true);
  command::RunAnswer answer{event.handle, *event.run->attach, make_text_frame(text)};
  answer.is_error = true;
  parts_.post(event.handle.shard, std::move(answer), text.size());
}

void Submissions::end_span(const event::Message& event, std::string_view outcome, std::string_view error) {
  if (!event.span) return;
  parts_.on_span(message_span(*event.span, event.session.get(),
                              {parts_.channels.name(event.channel), outcome, error},
                              answered_at(parts_.loop.now(), event)));
}

void Submissions::reply(const event::Message& event, std::string_view text, bool is_error) {
  parts_.post(event.handle.shard, command::Send{event.handle, make_text_frame(text), is_error}, text.size());
}

}  // namespace gw
