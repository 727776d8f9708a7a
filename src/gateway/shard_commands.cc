// What the control loop asks of a shard.
#include <array>
#include <concepts>

#include "base/log.h"
#include "base/overload.h"
#include "base/random.h"
#include "gateway/farewell.h"
#include "gateway/shard_runs.h"
#include "protocol/server_message.h"
#include "ws/frame.h"

namespace gw {
namespace {

// As long a client may take to send its token as its first message.
constexpr Duration kIdentifyTime = 5s;
// Of a burst in one frame. A frame that has begun has to end, whatever comes: more would make a close wait.
constexpr size_t kJoinedBytesMax = 16 * 1024;

// Those of one kind that come one after another are taken together.
template <class Command>
concept InRuns = std::same_as<Command, command::Ack> || std::same_as<Command, command::Deliver>;

bool have_same_receivers(const command::Deliver& a, const command::Deliver& b) {
  return a.channel == b.channel && a.tenant_id == b.tenant_id && a.to_watchers == b.to_watchers;
}

void append_welcome_frame(std::string& wire, const Connection& connection, const ShardOptions& options,
                          std::string_view send_token, WallTime now) {
  std::string welcome;
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(options.connection.heartbeat_interval);
  protocol::append_welcome(welcome, {connection.id.text(), options.instance_id, seconds.count(), send_token},
                           now);
  ws::append_frame(wire, ws::Opcode::text, welcome);
}

}  // namespace

void Shard::take_commands() {
  inbox_.take(commands_);
  const Overload execute{
      [this](command::Admitted& c) { on_admitted(c); },
      [this](command::Close& c) { on_close(c); },
      [this](command::Post& c) { take_post(c); },
      [this](command::ReplaceSession& c) { replace_session(std::move(c)); },
      [this](command::Send& c) {
        Client* const client = find(c.handle);
        // What the gateway's own clients are told no other one would understand.
        if (!client || client->connected().chat) return;
        if (c.is_error) ++stats_.errors_total;
        send(*client, c.frame);
      },
      [this](command::ChatSend& c) {
        Client* const client = find(c.handle);
        if (!client || !client->connected().chat) return;
        client->connected().chat->count(c.frame);
        send(*client, c.frame);
      },
      [this](command::RunAnswer& c) { runs_->on_answer(c); },
      [this](command::RunCaughtUp& c) { runs_->on_caught_up(c); },
      [this](command::RunChanged& c) { runs_->on_changed(c); },
      [this](command::RunOffer& c) { runs_->on_offer(c); },
      [this](command::RunsMissed&) { runs_->look_for_all(); },
      [this](command::Upgrade& c) { begin_handshake(std::move(c.connection)); },
      [this](command::SetReady& c) { ready_ = drain_ ? ready_ : c.ready; },
      [this](command::Probe&) {
        control_.add(event::ProbeEcho{index_, ready_ && listeners_.is_accepting()});
      },
      [this](command::Drain& c) { begin_drain(c); },
      [this](command::Successors& c) { successors_ = std::move(c); },
      [this](command::Reconfigure& c) { reconfigure(*c.options); },
      [this](command::Stop&) { stopping_ = true; },
      [](InRuns auto&) { ASSERT(false); },  // send_acks() and deliver() have had them
  };
  for (std::span<ShardCommand> rest = commands_; !rest.empty();) {
    size_t done = send_acks(rest);
    if (done == 0) done = deliver(rest);
    if (done == 0) std::visit(execute, rest[done++]);
    rest = rest.subspan(done);
  }
  commands_.clear();
  if (commands_.capacity() > 4096) std::vector<ShardCommand>().swap(commands_);
}

// Those for one client that `commands` begins with. How many.
size_t Shard::send_acks(std::span<const ShardCommand> commands) {
  const auto* const first = std::get_if<command::Ack>(&commands.front());
  if (!first) return 0;
  std::string wire;
  std::string text;
  size_t count = 0;
  for (; count < commands.size(); ++count) {
    const auto* const ack = std::get_if<command::Ack>(&commands[count]);
    if (!ack || ack->handle != first->handle) break;
    text.clear();
    protocol::append_ack(text, ack->id, ack->status, wall_);
    ws::append_frame(wire, ws::Opcode::text, text);
  }
  Client* const client = find(first->handle);
  // What the gateway's own clients are told no other one would understand.
  if (client && !client->connected().chat) send(*client, make_frame(std::move(wire)), count);
  return count;
}

void Shard::on_admitted(command::Admitted& command) {
  Client* const found = clients_.find(command.handle.slot, command.handle.generation);
  // It may have gone, or its time may have been over, while the control loop decided.
  if (!found || found->phase() != Client::Phase::admitting) return;
  Client& client = *found;
  Admitting& admitting = client.admitting();
  authorize(admitting.connection, std::move(command.session));
  if (admitting.connection.session) handshakes_.forget(client.stranger);
  if (!admitting.connection.session) admitting.connection.identifies_until = now_ + kIdentifyTime;
  std::string wire = std::move(admitting.waiting->response);
  std::string input = std::move(admitting.waiting->input);
  const bool follows_runs = admitting.waiting->follows_runs;
  std::unique_ptr<ChatConnection> chat = std::move(admitting.waiting->chat);

  on_connected(client);
  Connection& connection = client.connection();
  const bool is_chat = chat != nullptr;
  client.connected().chat = std::move(chat);
  if (connection.gets_events()) {
    connection.send_head(std::exchange(wire, {}), now_);
    input.clear();  // nothing belongs there
  }
  if (!is_chat) append_welcome_frame(wire, connection, options_, command.send_token, wall_);
  update_channels(client);
  // The upgrade's answer and the welcome in one frame: they leave in one write, in this order.
  send(client, make_frame(std::move(wire)));
  schedule(client, connection.next_tick(now_, wall_));
  watch(client);
  const auto scope = log_scope(Tracer::kept_context(connection));
  log::debug("connection_opened",
             {{"connection_id", connection.id.text()},
              {"session_ref", connection.session ? connection.session->ref.view() : "-"}});
  if (follows_runs && !is_chat) runs_->follow(client);
  if (!input.empty()) process(client, input);
  // One of the last that came: it has been let in, and comes back to whoever is next.
  if (drain_ && client.is_connected()) send_on(std::array{handle_of(client)});
}

void Shard::on_close(const command::Close& command) {
  Client* const client = clients_.find(command.handle.slot, command.handle.generation);
  if (!client) return;
  if (client->phase() == Client::Phase::admitting) {
    // A browser can read a close code, not an HTTP status: upgrade, then close.
    std::string response = std::move(client->admitting().waiting->response);
    on_connected(*client);
    client->connection().send_head(std::move(response), now_);
  }
  if (client->is_connected()) close(*client, command.why);
}

// The whole of it, or nothing: what is above the rate is held as it is for a WebSocket, and nothing more is
// taken until it is used up.
void Shard::take_post(command::Post& command) {
  using Kind = PostVerdict::Kind;
  Kind kind = Kind::unknown;
  if (Client* const client = find(command.handle); client && client->connection().is_open()) {
    kind = client->connected().paused ? Kind::over_rate : control_.is_full() ? Kind::behind : Kind::taken;
    if (kind == Kind::taken) {
      stats_.bytes_received_total += command.frames.size();
      process(*client, command.frames);
    }
  }
  control_.add(event::PostTaken{command.id, kind});
}

void Shard::replace_session(command::ReplaceSession command) {
  Client* const client = find(command.handle);
  if (!client || !client->connection().is_open()) return;
  Connection& connection = client->connection();
  const SessionPtr before = connection.session;
  const ChannelSet granted = connection.granted;
  authorize(connection, std::move(command.session));
  handshakes_.forget(client->stranger);
  if (update_channels(*client)) report_change(connection);
  if (client->connected().reads_runs) runs_->check_permissions(*client, before, granted);
  schedule(*client, connection.next_tick(now_, wall_));
}

// What a connection is told of once, in its welcome, is as it was; the rest counts from now on.
void Shard::reconfigure(const ShardOptions& options) {
  const bool is_granted_anew = options.anonymous_channels != options_.anonymous_channels;
  options_ = options;
  handshakes_.reconfigure(options_.handshake);
  if (!is_granted_anew) return;
  clients_.for_each([this](Client& client) {
    if (client.is_connected() && !client.connection().session) replace_session({handle_of(client), nullptr});
  });
}

// Those that `commands` begins with and that go to the same clients, in one frame: a burst costs each of them
// what one message does. How many.
size_t Shard::deliver(std::span<const ShardCommand> commands) {
  std::vector<FramePtr> frames;
  size_t bytes = 0;
  const auto* const first = std::get_if<command::Deliver>(&commands.front());
  while (first && frames.size() < commands.size()) {
    const auto* const next = std::get_if<command::Deliver>(&commands[frames.size()]);
    if (!next || !have_same_receivers(*first, *next)) break;
    bytes += next->frame->wire(false).size();
    if (bytes > kJoinedBytesMax && !frames.empty()) break;
    frames.push_back(next->frame);
  }
  if (!first) return 0;
  const FramePtr frame = frames.size() == 1 ? first->frame : join_frames(frames);
  const Hub& hub = first->to_watchers ? watchers_ : hub_;
  hub.for_each(first->channel, [&](uint32_t slot) {
    Client& client = clients_.at(slot);
    const Connection& connection = client.connection();
    // Whatever the hub says: nothing of a channel that is not granted leaves here.
    if (!connection.granted.contains(first->channel)) return;
    const Session* session = connection.session.get();
    const bool concerned = !first->tenant_id || (session && session->tenant_id == *first->tenant_id);
    if (concerned) send(client, frame, frames.size());
  });
  return frames.size();
}

void Shard::begin_drain(const command::Drain& command) {
  if (drain_) return;
  takes_last_ = command.takes_last;
  successors_ = command.successors;
  if (!takes_last_) ready_ = false;
  std::vector<ConnectionHandle> clients;
  clients_.for_each([&](Client& client) {
    if (client.is_connected() && client.connection().is_open()) clients.push_back(handle_of(client));
  });
  const double phase = static_cast<double>(fast_random() % 1024) / 1024;
  drain_.emplace(clients, command.window, phase, now_);
  for (size_t place = 0; place < clients.size(); ++place) {
    Client& client = *find(clients[place]);
    if (!client.connected().chat) send(client, announcement(drain_->slot(place), wall_));
  }
}

// Their turn has come.
void Shard::send_on(std::span<const ConnectionHandle> clients) {
  for (const ConnectionHandle& handle : clients) {
    Client* const client = find(handle);
    if (!client || !client->connection().is_open()) continue;
    if (!client->connected().chat) {
      const Farewell told = farewell(client->connection(), successors_, channels_, wall_);
      if (told.has_ticket) ++stats_.tickets_issued_total;
      send(*client, told.frame);
    }
    ++stats_.sent_on_total;
    stats_changed_ = true;
    close(*client, disconnect::restart);
  }
  const size_t awaited = connected_ + (takes_last_ ? arriving_ : 0);
  if (awaited == 0 && !drained_reported_) {
    drained_reported_ = true;
    // Whoever asks how many are left must not hear of before.
    control_.add(event::Stats{index_, stats_});
    control_.add(event::Drained{index_});
  }
}

}  // namespace gw
