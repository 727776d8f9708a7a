#include "gateway/run_asks.h"

#include "base/log.h"
#include "gateway/run_attachments.h"

namespace gw {
namespace {

NewRun new_run(const event::Message& message) {
  const event::RunAsked& asked = *message.run;
  NewRun run;
  run.run_id = asked.run_id;
  run.channel = message.channel;
  if (const Session* const session = message.session.get()) {
    run.audience = {RunAudience::Kind::user, session->user_id, session->tenant_id};
    run.tenant_id = session->tenant_id;
  }
  run.asked_by = asked.asked_by;
  run.thread_id = asked.thread_id;
  run.format = asked.format;
  run.asked_as = message.dedupe_key.value_or("");
  // A child of one that is kept is kept.
  if (message.span) run.span = begin_span({}, message.span->open.context, {}, message.span->open.started_at);
  return run;
}

}  // namespace

bool RunAsks::take(event::Message& message) {
  if (!message.run && behind_.empty()) return false;
  const auto waiting = behind_.find(message.handle);
  if (waiting == behind_.end()) {
    if (!message.run) return false;
    make_run(std::move(message));
    return true;
  }
  Behind& behind = waiting->second;
  if (behind.bytes + message.envelope.size() > kBytesBehindMax) {
    parts_.refuse(message, protocol::ErrorCode::overloaded);
    return true;
  }
  behind.bytes += message.envelope.size();
  behind.messages.push_back(std::move(message));
  return true;
}

void RunAsks::make_run(event::Message&& message) {
  behind_[message.handle].is_making = true;
  NewRun run = new_run(message);
  // A callback that can be copied.
  const auto held = std::make_shared<event::Message>(std::move(message));
  parts_.runs.create(std::move(run), [this, held](const RunResult<RunCreated>& made) {
    if (!made) return refuse(held, made.error().code);
    const ConnectionHandle handle = held->handle;
    if (made->existed) {
      parts_.repeat(*held, made->run_id);
    } else {
      const auto scope = held->span ? log_scope(held->span->open.context) : std::nullopt;
      log::debug("run_made", {{"run_id", held->run->run_id}, {"message_id", held->message_id}});
      parts_.submit(std::move(*held));
    }
    behind_.at(handle).is_making = false;
    go_on(handle);
  });
}

// One whose first has been taken needs no other run: it is a duplicate, whatever bound keeps others out now.
void RunAsks::refuse(const std::shared_ptr<event::Message>& held, RunErrc why) {
  // It may be there all the same, and nobody will be told of it.
  if (why == RunErrc::unavailable) parts_.runs.withdraw(held->run->run_id);
  const auto refused = [this, held, why](const Result<Submitted>& first) {
    if (first && first->outcome == Submitted::duplicate) {
      parts_.repeat(*held, first->first_id.empty() ? std::string() : run_id_of_message(first->first_id));
    } else {
      parts_.refuse(*held, error_code_of(why));
    }
    behind_.at(held->handle).is_making = false;
    go_on(held->handle);
  };
  if (!held->dedupe_key || why == RunErrc::unavailable) return refused(Error{Errc::not_found, ""});
  parts_.find_duplicate(*held->dedupe_key, held->dedupe_everywhere, refused);
}

// The store may answer within the call: then whoever made it goes on, so that many behind each other need no
// more stack than one.
void RunAsks::go_on(const ConnectionHandle& handle) {
  Behind& behind = behind_.at(handle);
  if (std::exchange(behind.is_going_on, true)) return;
  while (!behind.is_making && !behind.messages.empty()) {
    event::Message next = std::move(behind.messages.front());
    behind.messages.pop_front();
    behind.bytes -= next.envelope.size();
    if (next.run) {
      make_run(std::move(next));
    } else {
      parts_.submit(std::move(next));
    }
  }
  behind.is_going_on = false;
  if (!behind.is_making) behind_.erase(handle);
}

}  // namespace gw
