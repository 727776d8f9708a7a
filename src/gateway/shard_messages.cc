// From a client's bytes to what they ask for.
#include <variant>

#include "gateway/client_io.h"
#include "gateway/shard_runs.h"
#include "protocol/client_message.h"
#include "protocol/server_message.h"

namespace gw {
namespace {

std::string_view raw_id(const std::optional<protocol::MessageId>& id) {
  return id ? id->raw : std::string_view();
}

// What the refusal of a message repeats of it.
struct Repeated {
  std::string_view id;
  protocol::AboutRun run = {};
};
struct RepeatedOf {
  Repeated operator()(const protocol::ToChannel& m) const { return {raw_id(m.id)}; }
  Repeated operator()(const protocol::Presence& m) const { return {raw_id(m.id)}; }
  Repeated operator()(const protocol::Attach& m) const {
    const bool is_run = is_valid_run_id(m.run_id), is_thread = is_valid_thread_id(m.thread_id);
    return {raw_id(m.id), {is_run ? m.run_id : "", is_thread ? m.thread_id : ""}};
  }
  Repeated operator()(const protocol::Detach& m) const { return of_run(m); }
  Repeated operator()(const protocol::Cancel& m) const { return of_run(m); }
  template <class Other>
  Repeated operator()(const Other&) const {
    return {};
  }

 private:
  template <class Message>
  static Repeated of_run(const Message& m) {
    return {raw_id(m.id), {is_valid_run_id(m.run_id) ? m.run_id : ""}};
  }
};

// What makes a message the same as one before. A client that names itself keeps its ids across connections
// and instances; else their scope is the connection.
void set_dedupe_key(event::Message& message, const Connection& connection, std::string_view connection_id,
                    const protocol::MessageId& id) {
  const bool named = message.session && !connection.client_id.empty();
  message.dedupe_everywhere = named;
  const std::string_view scope = named ? std::string_view(message.session->ref) : connection_id;
  std::string& key = message.dedupe_key.emplace();
  key.reserve(scope.size() + connection.client_id.size() + id.key.size() + 2);
  key.append(scope);
  key.push_back('\n');
  if (named) key += connection.client_id.view();
  key.push_back('\n');
  key += id.key;
}

}  // namespace

// One message of a client, and what it asks for: an operator() for each route there is.
struct Shard::Execute {
  Shard& shard;
  Client& client;
  std::string_view text;

  // Of another protocol: what it says is not looked at here.
  void pass_on(bool is_limited) const {
    const Connection& connection = client.connection();
    ChatClient from{shard.handle_of(client), connection.id.text(), connection.session,
                    client.connected().chat->channel, client.stranger};
    shard.control_.add(event::ChatFrame{std::move(from), std::string(text), is_limited}, text.size());
  }

  void route() const {
    const protocol::DecodeResult decoded = protocol::decode(text, shard.decode_scratch_);
    const Route route = route_message(decoded, client.connection().granted, shard.channels_);
    std::visit(*this, route);
  }

  void operator()(const route::ToAgents& to) const;
  void operator()(const route::Subscribe& to) const {
    want(to.channel);
    reply([&](std::string& out) {
      protocol::append_subscribed(out, shard.channels_.name(to.channel), shard.wall_);
    });
  }
  void operator()(const route::Unsubscribe& to) const {
    client.connection().wanted.remove(to.channel);
    if (shard.update_channels(client)) shard.report_change(client.connection());
    reply([&](std::string& out) {
      protocol::append_unsubscribed(out, shard.channels_.name(to.channel), shard.wall_);
    });
  }
  void operator()(const protocol::Authenticate& to) const {
    Connection& connection = client.connection();
    // Once: what is decided of a connection is decided of one session at a time.
    const bool may_identify = shard.now_ < std::exchange(connection.identifies_until, TimePoint());
    shard.control_.add(event::Authenticate{shard.handle_of(client), connection.id, connection.session,
                                           std::string(to.session_token), std::string(raw_id(to.id)),
                                           may_identify});
  }
  void operator()(const route::Presence& to) const;
  void operator()(const route::Attach& to) const { shard.runs_->attach(client, to); }
  void operator()(const protocol::Detach& to) const { shard.runs_->detach(client, to.run_id, raw_id(to.id)); }
  void operator()(const protocol::Cancel& to) const { shard.runs_->cancel(client, to); }
  void operator()(const protocol::Ping&) const {
    reply([&](std::string& out) { protocol::append_pong(out, shard.wall_); });
  }
  void operator()(const protocol::Heartbeat&) const {
    reply([&](std::string& out) { protocol::append_heartbeat_pong(out, shard.wall_); });
  }
  void operator()(const protocol::Pong&) const {}  // that it came is all it says
  void operator()(const route::Reject& to) const {
    if (auto span = shard.tracer_.reject_message(client.connection(), text.size(), to.code))
      shard.control_.add(event::SpanEnded{std::move(*span)});
    reply_error(to.code, to.message, {raw_id(to.id), {to.run_id, to.thread_id}});
  }

  // It came above the rate.
  void reject_limited() const {
    const protocol::DecodeResult decoded = protocol::decode(text, shard.decode_scratch_);
    const Repeated repeated =
        decoded ? std::visit(RepeatedOf(), *decoded) : Repeated{raw_id(decoded.error().id)};
    reply_error(protocol::ErrorCode::rate_limited, "Message rejected: rate limit exceeded", repeated);
  }

 private:
  // From now on it gets what is published there.
  void want(ChannelIndex channel) const {
    Connection& connection = client.connection();
    if (connection.latest_channel == channel && connection.channels.contains(channel)) return;
    connection.latest_channel = channel;
    connection.wanted.add(channel);
    shard.update_channels(client);
    shard.report_change(connection);
  }

  // Sends what `write` appends: one message that the gateway makes.
  template <class Write>
  void reply(Write&& write) const {
    std::string message;
    write(message);
    shard.send(client, make_text_frame(message));
  }

  void reply_error(protocol::ErrorCode code, std::string_view message, const Repeated& of) const {
    ++shard.stats_.errors_total;
    reply([&](std::string& out) { protocol::append_error(out, code, message, of.id, shard.wall_, of.run); });
  }
};

void Shard::Execute::operator()(const route::ToAgents& to) const {
  const Connection& connection = client.connection();
  want(to.channel);
  event::Message message{};
  message.handle = shard.handle_of(client);
  message.channel = to.channel;
  message.session = connection.session;
  message.received_at = shard.now_;
  shard.message_ids_.append(message.message_id, shard.wall_.time_since_epoch().count());

  protocol::Inbound inbound;
  inbound.message_id = message.message_id;
  const auto characters = connection.id.characters();
  const std::string_view connection_id(characters.data(), characters.size());
  inbound.connection_id = connection_id;
  inbound.channel = shard.channels_.name(to.channel);
  inbound.message = text;
  inbound.timestamp = shard.wall_;
  if (const Session* session = connection.session.get()) {
    inbound.session_ref = session->ref;
    inbound.user_id = session->user_id;
    inbound.tenant_id = session->tenant_id;
  }
  Tracer::Message trace = shard.tracer_.begin_message(connection, to.trace, text.size(), message.message_id);
  inbound.trace = trace.context;
  message.span = std::move(trace.span);
  if (to.run) {
    message.run = shard.runs_->ask(client, *to.run, message.message_id);
    inbound.run =
        protocol::InboundRun{message.run->run_id, message.run->thread_id, to_string(message.run->format)};
  }
  shard.envelopes_.append(message.envelope, inbound);

  if (to.id) {
    message.id = to.id->raw;
    set_dedupe_key(message, connection, connection_id, *to.id);
  }
  const size_t bytes = message.envelope.size();
  shard.control_.add(std::move(message), bytes);
}

void Shard::Execute::operator()(const route::Presence& to) const {
  const Session* const session = client.connection().session.get();
  const Repeated of{raw_id(to.id)};
  if (!shard.options_.presence_channels.contains(to.channel))
    return reply_error(protocol::ErrorCode::forbidden, "channel: who is on it is not kept", of);
  if (!session)
    return reply_error(protocol::ErrorCode::forbidden, "who is on a channel is shown to sessions only", of);
  // Before it is asked: what comes between the answer and the first change would be missed.
  if (to.watch == true) shard.watchers_.add(to.channel, client.slot);
  if (to.watch == false) shard.watchers_.remove(to.channel, client.slot);
  shard.control_.add(event::PresenceAsked{shard.handle_of(client), to.channel,
                                          std::string(session->tenant_id), std::string(raw_id(to.id)),
                                          shard.watchers_.contains(to.channel, client.slot)});
}

void Shard::read(Client& client) {
  const IoResult result = receive(client, read_buffer_);
  if (client.tls && client.tls->has_unsent()) clients_.mark_dirty(client);
  switch (result.status) {
    case IoResult::Status::again: return;
    // Without a close frame there is nobody to say goodbye to (1006).
    case IoResult::Status::end:
    case IoResult::Status::failed: return destroy(client);
    case IoResult::Status::ok: break;
  }
  // What a client that gets events says, it posts.
  if (!client.connection().gets_events()) {
    stats_.bytes_received_total += result.bytes;
    process(client, std::span(read_buffer_).first(result.bytes));
  }
  // Whose close frame came before it is still answered.
  if (client.tls && client.tls->is_over() && client.connection().is_open()) destroy(client);
}

void Shard::process(Client& client, std::span<char> input) {
  Connected& connected = client.connected();
  Connection& connection = connected.connection;
  const bool owed_pong = connection.pong_owed_since().has_value();
  while (true) {
    const Connection::Input next = connection.next(input, scratch_, now_);
    if (next.kind == Connection::Input::Kind::more) break;
    if (next.kind == Connection::Input::Kind::paused) {
      // Bounded by one read: nothing more is read until this is used up.
      connected.held = std::make_unique<std::string>(input.data(), input.size());
      connected.paused = true;
      ++stats_.rate_pauses_total;
      schedule(client, connection.resume_at());
      break;
    }
    ++stats_.messages_received_total;
    stats_changed_ = true;
    const Execute execute{*this, client, next.text};
    if (connection.is_expired(wall_)) {
      close(client, disconnect::session_ended);
    } else if (connected.chat) {
      execute.pass_on(next.kind == Connection::Input::Kind::limited);
    } else if (next.kind == Connection::Input::Kind::limited) {
      execute.reject_limited();
    } else {
      execute.route();
    }
  }
  if (owed_pong && !connection.pong_owed_since()) report_change(connection);
  if (!connection.is_open()) clients_.mark_dirty(client);
  if (!connection.outbox().empty()) clients_.mark_dirty(client);
  schedule(client, connection.next_tick(now_, wall_));
  watch(client);
}

void Shard::process_held(Client& client) {
  Connected& connected = client.connected();
  connected.paused = false;
  const std::unique_ptr<std::string> held = std::exchange(connected.held, nullptr);
  process(client, held ? std::span<char>(*held) : std::span<char>());
}

}  // namespace gw
