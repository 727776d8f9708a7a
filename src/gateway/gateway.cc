#include "gateway/gateway.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "core/grant.h"
#include "gateway/drain_schedule.h"
#include "protocol/server_message.h"
#include "ws/close_code.h"
#include "ws/frame.h"

namespace gw {
namespace {

constexpr Duration kProbeEvery = 500ms;
// Ready means that a probe has come back this lately, through the engine and through every shard.
constexpr Duration kProbeFresh = 3s;
// Below this a deflated frame is hardly smaller and costs every client an inflate.
constexpr size_t kDeflateMin = 256;

// Who shares what one may use: a session's connections, or the one connection without a session.
uint64_t sender_of(const event::Message& event) {
  if (event.session) return std::hash<std::string>()(event.session->ref);
  return (uint64_t{event.handle.shard} << 48) ^ (uint64_t{event.handle.slot} << 32) ^
         event.handle.generation ^ (uint64_t{1} << 63);
}

// The control loop's turn may have begun before the shard's.
TimePoint answered_at(TimePoint now, const event::Message& message) {
  return std::max(now, message.received_at);
}

}  // namespace

Gateway::Gateway(const GatewayOptions& options, GatewayParts parts)
    : options_(options), parts_(std::move(parts)), inbox_({}) {
  if (options_.shard.handshake.upgrade.compression) deflater_.emplace();
  parts_.engine.clients().attach({
      .publish = [this](const Publication& publication) { return deliver(publication); },
      .send = [this](const ConnectionHandle& handle,
                     std::string_view message) { return send_to(handle, message); },
      .engine_lost =
          [this] {
            engine_echoed_at_ = {};
            announce_readiness();
          },
      .gap = [this](ChannelIndex channel) { send_gap(channel); },
  });
  registry().on_evicted(
      [this](const ConnectionHandle& handle, const Disconnect& why) { close(handle, why); });
  parts_.engine.sessions().on_change([this](const SessionPtr& session) { on_session_changed(session); });
}

Gateway::~Gateway() {
  registrations_.clear();
  for (ShardState& state : shards_) {
    std::vector<ShardCommand> stop;
    stop.emplace_back(command::Stop{});
    state.shard->inbox().post(stop, 0);
  }
  shards_.clear();  // joins
}

Result<void> Gateway::start() {
  ASSERT(!started_);
  if (!options_.reuse_port) {
    if (const Result<void> free = check_ports_free(); !free) return free;
  }
  for (uint32_t i = 0; i < options_.shards; ++i) {
    Result<std::vector<UniqueFd>> listeners = listen_for_one_shard();
    if (!listeners) return listeners.error();
    ShardState& state = shards_.emplace_back();
    state.shard = std::make_unique<Shard>(i, options_.shard, parts_.channels, std::move(*listeners), inbox_);
    state.outgoing.emplace(state.shard->inbox());
  }
  started_ = true;
  registrations_.push_back(parts_.loop.watch(inbox_.fd(), [this] { take_events(); }));
  registrations_.push_back(parts_.loop.on_turn_end([this] { post_commands(); }));
  registrations_.push_back(parts_.loop.every(kProbeEvery, [this] { probe(); }));
  for (ShardState& state : shards_) state.shard->start();
  probe();
  return {};
}

// With SO_REUSEPORT alone, which the shards need, a second gateway would take half of the clients unasked.
Result<void> Gateway::check_ports_free() const {
  for (const SocketAddress& address : options_.listen) {
    if (address.port == 0) continue;
    const Result<UniqueFd> free =
        listen_on(address, {.reuse_port = false, .with_ipv4 = serves_ipv4_too(address, options_.listen)});
    if (!free) return free.error();
  }
  return {};
}

Result<std::vector<UniqueFd>> Gateway::listen_for_one_shard() {
  // The first shard resolves port 0; the others join its addresses.
  const bool first = addresses_.empty();
  std::vector<UniqueFd> listeners;
  for (size_t i = 0; i < options_.listen.size(); ++i) {
    ListenOptions options;
    options.with_ipv4 = serves_ipv4_too(options_.listen[i], options_.listen);
    Result<UniqueFd> listener = listen_on(first ? options_.listen[i] : addresses_[i], options);
    if (!listener) return listener.error();
    if (first) {
      const Result<SocketAddress> bound = local_address(listener->get());
      if (!bound) return bound.error();
      addresses_.push_back(*bound);
    }
    listeners.push_back(std::move(*listener));
  }
  return listeners;
}

void Gateway::upgrade(http::Handover connection) {
  // Spread like the kernel spreads accepted connections.
  const auto shard = static_cast<uint32_t>(static_cast<size_t>(connection.fd.get()) % shards_.size());
  send_to_shard({shard, 0, 0}, command::Upgrade{std::move(connection)});
}

Gateway::State Gateway::state() const {
  if (leaving_ || draining_) return State::draining;
  // A shard without descriptors serves those it has, and nobody new.
  const bool open = std::all_of(shards_.begin(), shards_.end(), [](const ShardState& s) { return s.ready; });
  return announced_ready_ && open && probes_fresh() ? State::ready : State::not_ready;
}

GatewayStats Gateway::stats() const {
  GatewayStats stats = stats_;
  for (const ShardState& state : shards_) stats.shards.add(state.stats);
  stats.mailbox_items = inbox_.size();
  return stats;
}

// --- Between the loops ---------------------------------------------------------------------------------

void Gateway::take_events() {
  inbox_.take(events_);
  for (ShardEvent& event : events_) {
    std::visit([this](auto& m) { on_event(m); }, event);
  }
  events_.clear();
  if (events_.capacity() > 65536) std::vector<ShardEvent>().swap(events_);
}

void Gateway::post_commands() {
  for (ShardState& state : shards_) {
    state.outgoing->post();
  }
}

void Gateway::send_to_shard(const ConnectionHandle& handle, ShardCommand item, size_t bytes) {
  shards_[handle.shard].outgoing->add(std::move(item), bytes);
}

void Gateway::send_to_all_shards(const ShardCommand& item) {
  ASSERT(!std::holds_alternative<command::Upgrade>(item));
  for (uint32_t i = 0; i < shards_.size(); ++i) {
    std::visit(
        [&](const auto& value) {
          if constexpr (std::is_copy_constructible_v<std::decay_t<decltype(value)>>)
            send_to_shard({i, 0, 0}, value);
        },
        item);
  }
}

// --- Readiness -----------------------------------------------------------------------------------------

void Gateway::probe() {
  parts_.engine.probe([this](Result<void> answered) {
    // A failed probe says more than a missing one.
    engine_echoed_at_ = answered ? parts_.loop.now() : TimePoint();
    announce_readiness();
  });
  send_to_all_shards(command::Probe{});
  announce_readiness();
}

bool Gateway::probes_fresh() const {
  const TimePoint oldest = parts_.loop.now() - kProbeFresh;
  return engine_echoed_at_ > oldest && std::all_of(shards_.begin(), shards_.end(),
                                                   [&](const ShardState& s) { return s.echoed_at > oldest; });
}

void Gateway::announce_readiness() {
  const bool ready = !draining_ && probes_fresh();
  if (ready == announced_ready_) return;
  announced_ready_ = ready;
  send_to_all_shards(command::SetReady{ready});
  send_to_all_shards(command::Probe{});
  log::info(ready ? "gateway_ready" : "gateway_not_ready");
}

void Gateway::on_event(event::ProbeEcho& event) {
  shards_[event.shard].echoed_at = parts_.loop.now();
  shards_[event.shard].ready = event.ready;
  announce_readiness();
  // Only when every shard lets clients in is it true that we are ready.
  const bool all = std::all_of(shards_.begin(), shards_.end(), [](const ShardState& s) { return s.ready; });
  if (all && on_ready_) std::exchange(on_ready_, nullptr)();
}

void Gateway::on_event(event::Stats& event) { shards_[event.shard].stats = std::move(event.stats); }

void Gateway::on_event(event::SpanEnded& event) { parts_.on_span(std::move(event.span)); }

void Gateway::on_event(event::Http& event) {
  if (on_http_) on_http_(std::move(event.connection));
}

// --- Messages ------------------------------------------------------------------------------------------

void Gateway::on_event(event::Message& event) {
  AgentMessage message;
  message.channel = event.channel;
  if (event.session) message.tenant_id = event.session->tenant_id;
  message.message_id = std::move(event.message_id);
  message.envelope = std::move(event.envelope);
  message.dedupe_key = std::move(event.dedupe_key);
  message.dedupe_everywhere = event.dedupe_everywhere;
  message.sender = sender_of(event);
  const auto scope = event.span ? log_scope(event.span->open.context) : std::nullopt;
  parts_.engine.agents().submit(
      std::move(message),
      [this, event = std::move(event)](Result<Submitted> submitted) { on_submitted(event, submitted); });
}

void Gateway::on_submitted(const event::Message& event, const Result<Submitted>& submitted) {
  stats_.message_latency.record(answered_at(parts_.loop.now(), event) - event.received_at);
  std::string text;
  if (!submitted) {
    ++stats_.messages_rejected_total;
    const bool overloaded = submitted.error().code == Errc::resource_exhausted;
    end_span(event, overloaded ? "rejected" : "error", overloaded ? "overloaded" : "internal");
    protocol::append_error(text, overloaded ? protocol::ErrorCode::overloaded : protocol::ErrorCode::internal,
                           overloaded ? protocol::kOverloadedMessage : protocol::kInternalMessage, event.id,
                           parts_.loop.wall_now());
    return reply(event.handle, std::move(text), true);
  }
  auto status = protocol::AckStatus::published;
  switch (submitted->outcome) {
    case Submitted::published: ++stats_.messages_published_total; break;
    case Submitted::queued:
      ++stats_.messages_queued_total;
      status = protocol::AckStatus::queued;
      break;
    case Submitted::duplicate:
      ++stats_.messages_duplicate_total;
      status = protocol::AckStatus::duplicate;
      break;
  }
  end_span(event, protocol::to_string(status));
  if (event.id.empty()) return;
  protocol::append_ack(text, event.id, status, parts_.loop.wall_now());
  reply(event.handle, std::move(text));
}

void Gateway::end_span(const event::Message& event, std::string_view outcome, std::string_view error) {
  if (!event.span) return;
  parts_.on_span(message_span(*event.span, event.session.get(),
                              {parts_.channels.name(event.channel), outcome, error},
                              answered_at(parts_.loop.now(), event)));
}

Result<void> Gateway::deliver(const Publication& publication) {
  for (const ShardState& state : shards_) {
    if (state.shard->inbox().is_full()) return Error{Errc::resource_exhausted, "the shards are behind"};
  }
  ++stats_.publications_total;
  const FramePtr frame = make_message_frame(publication.message);
  for (uint32_t i = 0; i < shards_.size(); ++i) {
    send_to_shard({i, 0, 0}, command::Deliver{publication.channel, publication.tenant_id, frame},
                  publication.message.size());
  }
  return {};
}

// However far behind the shards are: that is when it matters most.
void Gateway::send_gap(ChannelIndex channel) {
  std::string text;
  protocol::append_gap(text, parts_.channels.name(channel), parts_.loop.wall_now());
  send_to_all_shards(command::Deliver{channel, {}, make_text_frame(text)});
}

Result<void> Gateway::send_to(const ConnectionHandle& handle, std::string_view message) {
  if (shards_[handle.shard].shard->inbox().is_full())
    return Error{Errc::resource_exhausted, "the shard is behind"};
  ++stats_.sends_total;
  send_to_shard(handle, command::Send{handle, make_message_frame(message)}, message.size());
  return {};
}

FramePtr Gateway::make_message_frame(std::string_view message) {
  std::string plain;
  ws::append_frame(plain, ws::Opcode::text, message);
  std::string deflated;
  if (deflater_ && message.size() >= kDeflateMin) {
    ws::append_frame(deflated, ws::Opcode::text, deflater_->compress(message),
                     {.fin = true, .compressed = true});
  }
  return FramePtr(new Frame(std::move(plain), std::move(deflated)));
}

void Gateway::reply(const ConnectionHandle& handle, std::string text, bool is_error) {
  send_to_shard(handle, command::Send{handle, make_text_frame(text), is_error}, text.size());
}

void Gateway::close(const ConnectionHandle& handle, const Disconnect& why) {
  send_to_shard(handle, command::Close{handle, why});
}

// --- Drain ---------------------------------------------------------------------------------------------

void Gateway::drain(Duration drain_timeout, std::function<void()> done) {
  if (draining_) return;
  draining_ = true;
  on_drained_ = std::move(done);
  const size_t connections = stats().shards.connections_active;
  log::info("drain_began", {{"connections", connections}});
  send_to_all_shards(command::Drain{DrainSchedule::window(connections, drain_timeout)});
}

void Gateway::on_event(event::Drained& event) {
  shards_[event.shard].drained = true;
  if (std::all_of(shards_.begin(), shards_.end(), [](const ShardState& s) { return s.drained; }))
    std::exchange(on_drained_, nullptr)();
}

}  // namespace gw
