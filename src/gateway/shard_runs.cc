#include "gateway/shard_runs.h"

#include <algorithm>

#include "core/run/run_machine.h"
#include "core/run_account.h"
#include "core/run_viewer.h"
#include "protocol/server_message.h"

namespace gw {
namespace {

std::string raw_id(const std::optional<protocol::MessageId>& id) { return id ? std::string(id->raw) : ""; }

}  // namespace

void Shard::Runs::follow(Client& client) {
  if (!std::exchange(client.connected().reads_runs, true)) look(client);
}

void Shard::Runs::look(Client& client) { shard_.control_.add(event::RunLook{who(client)}); }

// Those that it reads, and those that it is about to.
size_t Shard::Runs::attached(const Client& client) const {
  return hub_.count(client.slot) + queue_.count(client.slot);
}

// --- Pushed runs that a client has left

void Shard::Runs::leave(uint32_t slot, const RunScopePtr& run) {
  if (!run->is_pushed) return;
  come_back(slot, run->run_id);
  std::deque<RunScopePtr>& left = left_[slot];
  if (left.size() >= kLeftMost) left.pop_front();
  left.push_back(run);
}

void Shard::Runs::come_back(uint32_t slot, std::string_view run_id) {
  const auto found = left_.find(slot);
  if (found == left_.end()) return;
  std::erase_if(found->second, [&](const RunScopePtr& left) { return left->run_id == run_id; });
}

bool Shard::Runs::has_left(uint32_t slot, const RunScope& run) const {
  const auto found = left_.find(slot);
  return found != left_.end() &&
         std::any_of(found->second.begin(), found->second.end(), [&](const RunScopePtr& left) {
           return left->run_id == run.run_id && left->made_at == run.made_at;
         });
}

// --- What clients say

void Shard::Runs::attach(Client& client, const route::Attach& to) {
  follow(client);
  const size_t waiting = queue_.count(client.slot);
  // Of a thread it shows with the answer which run that is: it may be one that the client reads.
  const bool may_read = !to.thread_id.empty() || hub_.reads(client.slot, to.run_id);
  const size_t more = may_read ? 0 : hub_.count(client.slot);
  if (waiting + more >= RunHub::kRunsMax) {
    return refuse_one_too_many(client, raw_id(to.id), {to.run_id, to.thread_id});
  }
  queue_.add(client.slot,
             {std::string(to.run_id), std::string(to.thread_id), to.cursor, to.coalesce_ms, raw_id(to.id)});
  send_attaches(client);
}

void Shard::Runs::refuse_one_too_many(Client& client, std::string_view id, const protocol::AboutRun& run) {
  ++shard_.stats_.errors_total;
  std::string error;
  protocol::append_error(error, protocol::ErrorCode::too_many_runs, protocol::kTooManyRunsMessage, id,
                         shard_.wall_, run);
  reply(client, error);
}

void Shard::Runs::detach(Client& client, std::string_view run_id, std::string_view id) {
  if (queue_.detach_later(client.slot, run_id, id)) return;
  if (const RunScopePtr run = hub_.detach(client.slot, run_id)) {
    leave(client.slot, run);
    release(run);
  }
  std::string answer;
  protocol::append_detached(answer, run_id, {}, id, shard_.wall_);
  reply(client, answer);
}

void Shard::Runs::cancel(Client& client, const protocol::Cancel& to) {
  shard_.control_.add(
      event::RunCancel{who(client), std::string(to.run_id), std::string(to.reason), raw_id(to.id)});
}

std::shared_ptr<const event::RunAsked> Shard::Runs::ask(Client& client, const route::RunAsk& to,
                                                        std::string_view message_id) {
  follow(client);
  const auto asked = std::make_shared<event::RunAsked>();
  asked->run_id = run_id_of_message(message_id);
  asked->thread_id = to.thread_id;
  asked->format = to.format;
  if (!client.connection().session)
    asked->asked_by = stranger_account(client.stranger, client.connection().id.text());
  if (attached(client) < RunHub::kRunsMax) asked->attach = queue_.reserve(client.slot, asked->run_id);
  return asked;
}

// Those whose turn it is; while the client is behind, none.
void Shard::Runs::send_attaches(Client& client) {
  if (client.connection().outbox().bytes() > lag_bytes()) return;
  queue_.send(client.slot, [&](uint64_t number, const AttachRequest& request) {
    shard_.control_.add(event::RunAttach{who(client), number, request});
  });
}

// --- What the control loop answers

// Half of the outbox is left to what can't be told later.
size_t Shard::Runs::lag_bytes() const {
  const ConnectionOptions& options = shard_.options_.connection;
  return std::min(options.run_lag_bytes, options.outbox_bytes_max / 2);
}

// An empty outbox takes anything: what never fits must not be tried for ever.
bool Shard::Runs::has_room(Client& client, const FramePtr& frame) const {
  const Connection& connection = client.connection();
  const ConnectionOptions& options = shard_.options_.connection;
  const size_t unsent = connection.outbox().bytes();
  if (!connection.is_open()) return false;
  if (unsent == 0) return true;
  const size_t charge = frame->wire(connection.deflate).size() + Outbox::kFrameOverhead;
  return unsent <= lag_bytes() && unsent + charge <= options.outbox_bytes_max;
}

void Shard::Runs::on_answer(const command::RunAnswer& command) {
  Client* const client = shard_.find(command.handle);
  if (!client || !client->connection().is_open()) return release(command.run);
  const bool is_told = command.first || !command.parts.empty();  // not so of a push that is none any more
  // There is no room for the answer to an attach: it asks again later.
  if (is_told && !command.first && !has_room(*client, command.parts.front().frame) &&
      queue_.defer(client->slot, command.number))
    return release(command.run);
  const auto answered = queue_.answered(client->slot, command.number);
  if (!answered && command.number != 0) return release(command.run);
  if (command.is_error) ++shard_.stats_.errors_total;
  if (command.first) shard_.send(*client, command.first);
  const AttachRequest& request = answered ? answered->request : AttachRequest();
  if (command.run) adopt(*client, command, request);
  if (!answered) return;
  for (const std::string& id : answered->detaches) detach(*client, answered->request.run_id, id);
  send_attaches(*client);
}

void Shard::Runs::adopt(Client& client, const command::RunAnswer& command, const AttachRequest& request) {
  follow(client);
  const bool reads = hub_.reads(client.slot, command.run->run_id);
  // What nobody asks for now changes no place, and does not bring back what has been left.
  const bool is_asked = !command.unless_reading && !request.is_pushed;
  if (reads && !is_asked) return release(command.run);
  if (request.is_pushed && has_left(client.slot, *command.run)) return release(command.run);
  // An attach that named the run was counted when it came.
  const size_t taken = command.number == 0 ? attached(client) : hub_.count(client.slot);
  if (!reads && taken >= RunHub::kRunsMax) {
    release(command.run);
    if (command.number == 0 || command.first || request.is_pushed) return;
    return refuse_one_too_many(client, request.id, {request.run_id, request.thread_id});
  }
  if (!may_see(client, *command.run)) {
    release(command.run);
    // Of what was pushed, and may not be seen any more, it has never heard.
    if (!request.is_pushed) end_forbidden(client, command.run);
    return;
  }
  if (!request.is_pushed) come_back(client.slot, command.run->run_id);
  // Whoever has just asked is told where his run is, whatever waits: that is as short as the ack before it.
  size_t sent = 0;
  if (command.first && !command.unless_reading) shard_.send(client, command.parts[sent++].frame);
  while (sent < command.parts.size() && has_room(client, command.parts[sent].frame))
    shard_.send(client, command.parts[sent++].frame);
  const bool all = sent == command.parts.size();
  const command::RunPart last = sent == 0 ? command::RunPart() : command.parts[sent - 1];
  if (last.ends) {
    if (hub_.detach(client.slot, command.run->run_id)) release(command.run);
    leave(client.slot, command.run);
    return release(command.run);
  }
  const auto state = all && command.whole ? RunHub::State::following : RunHub::State::lagging;
  if (hub_.attach(client.slot, command.run, last.after, state, request.coalesce_ms, !all))
    release(command.run);
}

void Shard::Runs::on_caught_up(const command::RunCaughtUp& command) {
  Client* const client = shard_.find(command.handle);
  if (!client) return;
  RunHub::Reader* const reader = hub_.find_asked(client->slot, command.run->run_id, command.from);
  if (!reader) return;
  size_t sent = 0;
  while (sent < command.parts.size() && has_room(*client, command.parts[sent].frame))
    shard_.send(*client, command.parts[sent++].frame);
  if (sent > 0 && command.parts[sent - 1].ends) {
    hub_.detach(client->slot, command.run->run_id);
    leave(client->slot, command.run);
    return release(command.run);
  }
  if (sent > 0) reader->place(command.parts[sent - 1].after);
  const bool all = sent == command.parts.size();
  const bool is_up = all && command.whole;
  if (!all) reader->is_slow = 1;
  if (is_up) reader->is_slow = 0;
  reader->state(is_up ? RunHub::State::following : RunHub::State::lagging);
  // Others that lag may be asked for now.
  shard_.clients_.mark_dirty(*client);
}

void Shard::Runs::on_changed(const command::RunChanged& command) {
  const auto send = [&](uint32_t slot) {
    Client& client = shard_.clients_.at(slot);
    // A run that is gone can't be caught up with later.
    if (command.step.kind != RunStep::Kind::gone && !has_room(client, command.frame)) return false;
    shard_.send(client, command.frame);
    return true;
  };
  hub_.advance(
      command.run->run_id, command.step, shard_.now_, send,
      [&](uint32_t slot) {
        leave(slot, command.run);
        release(command.run);
      },
      [&](uint32_t slot) { shard_.clients_.mark_dirty(shard_.clients_.at(slot)); });
}

// As if it had asked for it; where it has all that it may, it can still ask.
void Shard::Runs::on_offer(const command::RunOffer& command) {
  Client* const client = shard_.find(command.handle);
  if (!client || !client->connection().is_open() || !client->connected().reads_runs) return;
  if (hub_.reads(client->slot, command.run_id) || queue_.has(client->slot, command.run_id)) return;
  if (attached(*client) >= RunHub::kRunsMax) return;
  AttachRequest request;
  request.run_id = command.run_id;
  request.is_pushed = true;
  queue_.add(client->slot, std::move(request));
  send_attaches(*client);
}

void Shard::Runs::look_for_all() {
  shard_.clients_.for_each([this](Client& client) {
    if (client.is_connected() && client.connected().reads_runs && client.connection().is_open()) look(client);
  });
}

// --- The life of a client

void Shard::Runs::go_on(Client& client) {
  if (!client.connection().is_open()) return;
  send_attaches(client);
  hub_.catch_up(client.slot, [&](const RunScopePtr& run, const RunHub::Reader& reader) {
    shard_.control_.add(
        event::RunCatchUp{shard_.handle_of(client), run, reader.place(), reader.is_slow == 1});
  });
}

void Shard::Runs::check_permissions(Client& client, const SessionPtr& before, ChannelSet granted) {
  for (const RunScopePtr& run : hub_.runs_of(client.slot)) {
    if (may_see(client, *run)) continue;
    hub_.detach(client.slot, run->run_id);
    release(run);
    end_forbidden(client, run);
  }
  const Connection& connection = client.connection();
  const bool is_same = before && connection.session && before->ref == connection.session->ref;
  // Only then are there runs that it has not been offered.
  if (!is_same || connection.granted.without(granted) != ChannelSet()) look(client);
}

void Shard::Runs::forget(Client& client) {
  for (const RunScopePtr& run : hub_.detach_all(client.slot)) release(run);
  queue_.forget(client.slot);
  left_.erase(client.slot);
}

void Shard::Runs::wake_due() {
  hub_.wake_due(shard_.now_, [this](uint32_t slot) { shard_.clients_.mark_dirty(shard_.clients_.at(slot)); });
}

void Shard::Runs::release(const RunScopePtr& run) {
  if (run) shard_.control_.add(event::RunReleased{shard_.index_, run});
}

void Shard::Runs::end_forbidden(Client& client, const RunScopePtr& run) {
  std::string message;
  protocol::append_detached(message, run->run_id, "forbidden", {}, shard_.wall_);
  reply(client, message);
}

bool Shard::Runs::may_see(Client& client, const RunScope& run) {
  const Connection& connection = client.connection();
  const std::string id = connection.id.text();
  return run::may_see(run.audience, run.channel, viewer_of(id, connection.session.get(), connection.granted));
}

event::RunClient Shard::Runs::who(Client& client) const {
  const Connection& connection = client.connection();
  return {shard_.handle_of(client), connection.id, connection.session, connection.granted,
          connection.channels};
}

void Shard::Runs::reply(Client& client, std::string_view message) {
  shard_.send(client, make_text_frame(message));
}

}  // namespace gw
