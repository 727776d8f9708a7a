#include "post_office/run_questions.h"

#include <memory>
#include <utility>

#include "base/digest.h"
#include "base/hex.h"
#include "base/log.h"
#include "core/run/run_machine.h"
#include "json/json.h"

namespace gw {
namespace {

RunRefusal refused(RunErrc code, std::string detail) {
  RunRefusal refusal;
  refusal.code = code;
  refusal.detail = std::move(detail);
  return refusal;
}

// Who shares what one may use of a channel's queue.
uint64_t sender_of(const RunAsker& asker) {
  const std::string who = asker.session ? asker.session->ref.str() : asker.audience.text({}) + asker.asked_by;
  return std::hash<std::string>()(who);
}

NewRun new_run(const RunQuestion& question) {
  NewRun run;
  run.run_id = question.run_id;
  run.channel = question.channel;
  run.audience = question.asker.audience;
  run.tenant_id = question.asker.tenant_id;
  run.asked_by = question.asker.asked_by;
  run.thread_id = question.thread_id;
  run.format = question.format;
  run.span = question.span;
  run.client_run_id = question.client_run_id;
  run.messages = question.messages;
  return run;
}

}  // namespace

std::string run_id_of_question(const RunAsker& asker, std::string_view channel, std::string_view question) {
  std::string text = asker.tenant_id;
  text.append("\n").append(asker.audience.text(channel)).append("\n").append(question);
  return "run_" + to_hex(sha256(text)).substr(0, 32);
}

RunQuestions::RunQuestions(Parts parts)
    : parts_(std::move(parts)), envelopes_(parts_.instance_id, parts_.engine.traits().reply_to) {}

void RunQuestions::ask(RunQuestion question, RunDone<Asked> done) {
  RunStore& runs = parts_.engine.runs();
  NewRun run = new_run(question);
  runs.create(std::move(run), [this, &runs, question = std::move(question),
                               done = std::move(done)](const RunResult<RunCreated>& made) {
    if (made && made->existed) return done(Asked{true});
    if (made) return submit(question, done);
    const RunErrc why = made.error().code;
    if (why == RunErrc::exists) return done(Asked{true});
    // What has the name may be what an earlier attempt made, so nothing is withdrawn. One that this attempt
    // made all the same is over at its start timeout.
    if (why == RunErrc::unavailable || why == RunErrc::invalid_argument) return done(made.error());
    // One that was asked before needs no other run, whatever bound keeps others out now.
    runs.find_record(question.run_id, {}, [done, refused = made.error()](const RunResult<const Run*>& first) {
      if (first) return done(Asked{true});
      done(refused);
    });
  });
}

std::string RunQuestions::envelope_of(const RunQuestion& question, std::string_view message_id) {
  const std::string& channel = parts_.channels.name(question.channel);
  std::string message;
  json::Writer(message)
      .begin_object()
      .member("channel", channel)
      .key("payload")
      .raw(question.payload)
      .end_object();
  protocol::Inbound inbound;
  inbound.message_id = message_id;
  inbound.channel = channel;
  inbound.message = message;
  inbound.timestamp = parts_.now();
  inbound.tenant_id = question.asker.tenant_id;
  if (const Session* const session = question.asker.session.get()) {
    inbound.session_ref = session->ref;
    inbound.user_id = session->user_id;
  }
  if (question.span) inbound.trace = question.span->context;
  const std::string_view format = to_string(question.format);
  inbound.run = protocol::InboundRun{question.run_id, question.thread_id, format, format};
  std::string envelope;
  envelopes_.append(envelope, inbound);
  return envelope;
}

void RunQuestions::submit(const RunQuestion& question, const RunDone<Asked>& done) {
  AgentMessage message;
  message.channel = question.channel;
  message.tenant_id = question.asker.tenant_id;
  message_ids_.append(message.message_id, parts_.now().time_since_epoch().count());
  message.envelope = envelope_of(question, message.message_id);
  message.sender = sender_of(question.asker);
  log::debug("run_made", {{"run_id", question.run_id}, {"message_id", message.message_id}});
  parts_.engine.agents().submit(std::move(message), [this, run_id = question.run_id,
                                                     done](const Result<Submitted>& submitted) {
    if (submitted) return done(Asked{});
    const Errc why = submitted.error().code;
    // These say that it was not sent. Of others nobody knows: its run stays, and time decides.
    const bool is_refused = why == Errc::resource_exhausted || why == Errc::unavailable;
    if (is_refused) parts_.engine.runs().withdraw(run_id);
    done(refused(why == Errc::resource_exhausted ? RunErrc::resource_exhausted : RunErrc::unavailable,
                 is_refused ? "the channel takes no message now; ask again later"
                            : "whether the message was sent is not known; ask again, it is not sent twice"));
  });
}

}  // namespace gw
