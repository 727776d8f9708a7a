#include "gateway/run_asks.h"

#include <memory>

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
  run.thread_id = asked.thread_id;
  run.format = asked.format;
  run.asked_as = message.dedupe_key.value_or("");
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
    const ConnectionHandle handle = held->handle;
    on_made(std::move(*held), made);
    behind_.at(handle).is_making = false;
    go_on(handle);
  });
}

void RunAsks::on_made(event::Message&& message, const RunResult<RunCreated>& made) {
  if (made && made->existed) return parts_.repeat(message, made->run_id);
  if (made) {
    const auto scope = message.span ? log_scope(message.span->open.context) : std::nullopt;
    log::debug("run_made", {{"run_id", message.run->run_id}, {"message_id", message.message_id}});
    return parts_.submit(std::move(message));
  }
  // It may be there all the same, and nobody will be told of it.
  if (made.error().code == RunErrc::unavailable) parts_.runs.withdraw(message.run->run_id);
  parts_.refuse(message, error_code_of(made.error().code));
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
