#include "gateway/gateway.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/overload.h"
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

// Several answers have to fit into an outbox that holds other messages too, however much JSON escapes.
RunPieces run_pieces(size_t outbox_bytes) {
  RunPieces pieces;
  pieces.piece_bytes = std::min(pieces.piece_bytes, std::max<size_t>(outbox_bytes / 32, 256));
  pieces.line_bytes = std::min(pieces.line_bytes, outbox_bytes / 4);
  pieces.bytes = std::min(pieces.bytes, std::max<size_t>(outbox_bytes / 8, 256));
  return pieces;
}

}  // namespace

Gateway::Gateway(const GatewayOptions& options, GatewayParts parts)
    : options_(options),
      parts_(std::move(parts)),
      inbox_({}),
      own_(parts_.loop, [this](http::Handover connection) { deal(std::move(connection)); }),
      passed_(parts_.loop, [this](http::Handover connection) { deal(std::move(connection)); }),
      tickets_({parts_.loop, parts_.channels, parts_.engine, parts_.is_of}, options.ticket_salt),
      presence_({parts_.loop, parts_.channels, parts_.engine.presence(),
                 [this](const ConnectionHandle& to, std::string text, bool is_error) {
                   reply(to, std::move(text), is_error);
                 },
                 [this](const ShardCommand& command) { send_to_all_shards(command); }}),
      uplinks_(options.shard.instance_id, [this](command::Post command, size_t bytes) {
        const ConnectionHandle handle = command.handle;
        if (shards_[handle.shard].shard->inbox().is_full()) return false;
        send_to_shard(handle, std::move(command), bytes);
        return true;
      }) {
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
      .post = [this](const ClientPost& post,
                     Done<PostVerdict> done) { uplinks_.take(post, std::move(done)); },
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
  resident_.reset();
  shards_.clear();  // joins
}

Result<void> Gateway::start(PassedSockets& passed) {
  ASSERT(!started_);
  if (!options_.reuse_port) {
    if (const Result<void> free = check_ports_free(); !free) return free;
  }
  for (uint32_t i = 0; i < options_.shards; ++i) {
    Result<std::vector<Listener>> listeners = listen_for_one_shard();
    if (!listeners) return listeners.error();
    ShardState& state = shards_.emplace_back();
    state.shard = std::make_unique<Shard>(i, options_.shard, parts_.channels, std::move(*listeners), inbox_,
                                          options_.has_own_threads ? nullptr : &parts_.loop.poller());
    state.outgoing.emplace(state.shard->inbox());
  }
  if (const Result<void> opened = open_dealt(passed); !opened) return opened;
  started_ = true;
  make_run_parts();
  if (options_.has_own_threads) {
    registrations_.push_back(parts_.loop.on_wake(inbox_.fd(), [this] { take_events(); }));
    registrations_.push_back(parts_.loop.on_turn_end([this] { post_commands(); }));
    for (ShardState& state : shards_) state.shard->start();
  } else {
    ASSERT(shards_.size() == 1);
    resident_.emplace(ResidentShard::Parts{parts_.loop, *shards_[0].shard, inbox_, [this] { take_events(); },
                                           [this] { post_commands(); }});
  }
  registrations_.push_back(parts_.loop.every(kProbeEvery, [this] { probe(); }));
  own_.open();
  open_passed_when_ready();
  tickets_.start();
  probe();
  return {};
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
  const bool accepting = open && own_.is_accepting() && passed_.is_accepting();
  return announced_ready_ && accepting && probes_fresh() ? State::ready : State::not_ready;
}

GatewayStats Gateway::stats() const {
  GatewayStats stats = stats_;
  for (const ShardState& state : shards_) stats.shards.add(state.stats);
  stats.mailbox_items = inbox_.size();
  return stats;
}

void Gateway::reconfigure(const GatewayOptions& options) {
  options_.admission = options.admission;
  options_.shard = options.shard;
  tickets_.reconfigure(options.ticket_salt);
  send_to_all_shards(command::Reconfigure{std::make_shared<const ShardOptions>(options_.shard)});
}

// --- Between the loops ---------------------------------------------------------------------------------

void Gateway::make_run_parts() {
  RunAttachmentOptions options;
  options.shards = shards_.size();
  options.pieces = run_pieces(options_.shard.connection.outbox_bytes_max);
  options.slow_piece_bytes = std::min(options.slow_piece_bytes, options.pieces.piece_bytes);
  const auto post = [this](uint32_t shard, ShardCommand&& command, size_t bytes) {
    send_to_shard({shard, 0, 0}, std::move(command), bytes);
  };
  attachments_ = std::make_unique<RunAttachments>(
      RunAttachments::Parts{parts_.loop, parts_.channels, parts_.engine.runs(), post,
                            [this](uint32_t shard) { return shards_[shard].shard->inbox().is_full(); },
                            [this](std::string_view message) { return make_message_frame(message); }},
      options);
  attachments_->start();
  offers_ = std::make_unique<RunOffers>(
      RunOffers::Parts{parts_.loop, parts_.engine.runs(), registry(),
                       [this](uint32_t shard, ShardCommand command) {
                         send_to_shard({shard, 0, 0}, std::move(command));
                       },
                       [this](const ShardCommand& command) { send_to_all_shards(command); }});
  parts_.engine.runs().on_ended(
      [this](const std::string& run_id, const RunEnded& ended) { parts_.on_span(run_span(run_id, ended)); });
  submissions_ = std::make_unique<Submissions>(Submissions::Parts{
      parts_.loop, parts_.channels, parts_.engine, *attachments_, stats_, parts_.on_span, post});
}

void Gateway::take_events() {
  inbox_.take(events_);
  const Overload take{
      [this](event::Message& e) { submissions_->take(e); },
      [this](event::RunAttach& e) { attachments_->attach(e); },
      [this](event::RunCatchUp& e) { attachments_->catch_up(e); },
      [this](event::RunReleased& e) { attachments_->release(e); },
      [this](event::RunCancel& e) { attachments_->cancel(e); },
      [this](event::RunLook& e) { offers_->look(e); },
      [this](event::PresenceAsked& e) { presence_.answer(e); },
      [this](event::ChatFrame& e) {
        if (chats_) chats_->on_frame(e.from, std::move(e.text), e.is_limited);
      },
      [this](event::ChatSent& e) {
        if (chats_) chats_->on_sent(e.handle, e.bytes);
      },
      [this](event::PostTaken& e) { uplinks_.on_taken(e); },
      [this](auto& e) { on_event(e); },
  };
  if (events_.size() > 1) {  // one alone is asked for at once anyway
    for (const ShardEvent& event : events_) {
      if (const auto* message = std::get_if<event::Message>(&event)) submissions_->expect(*message);
    }
  }
  for (ShardEvent& event : events_) std::visit(take, event);
  events_.clear();
  if (events_.capacity() > 65536) std::vector<ShardEvent>().swap(events_);
}

void Gateway::post_commands() {
  for (ShardState& state : shards_) {
    state.outgoing->post();
  }
}

void Gateway::send_to_shard(const ConnectionHandle& handle, ShardCommand&& item, size_t bytes) {
  shards_[handle.shard].outgoing->add(std::move(item), bytes);
}

void Gateway::send_to_all_shards(const ShardCommand& item) {
  ASSERT(!std::holds_alternative<command::Upgrade>(item));
  for (uint32_t i = 0; i < shards_.size(); ++i) {
    std::visit(
        [&](const auto& value) {
          if constexpr (std::is_copy_constructible_v<std::decay_t<decltype(value)>>)
            send_to_shard({i, 0, 0}, ShardCommand(value));
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
  for (const SecondTries::Waiting& again : second_tries_.take())
    enter(again.request, admitting_.at(again.request.id).session, again.tries_left);
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
  if (ready && !leaving_) passed_.open();  // behind SetReady: shards hear of that first
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

// --- From the engine to clients -------------------------------------------------------------------------

Result<void> Gateway::deliver(const Publication& publication) {
  for (const ShardState& state : shards_) {
    if (state.shard->inbox().is_full()) return Error{Errc::resource_exhausted, "the shards are behind"};
  }
  ++stats_.publications_total;
  const FramePtr frame = make_message_frame(publication.message);
  const std::string& tenant = publication.tenant_id;
  const auto whose = tenant.empty() ? std::nullopt : std::optional(tenant);
  for (uint32_t i = 0; i < shards_.size(); ++i) {
    send_to_shard({i, 0, 0}, command::Deliver{publication.channel, whose, frame}, publication.message.size());
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

uint64_t Gateway::send_chat(const ConnectionHandle& to, const std::vector<std::string>& messages) {
  std::string wire;
  for (const std::string& message : messages) ws::append_frame(wire, ws::Opcode::text, message);
  const uint64_t bytes = wire.size();
  send_to_shard(to, command::ChatSend{to, make_frame(std::move(wire))}, bytes);
  return bytes;
}

void Gateway::reply(const ConnectionHandle& handle, std::string text, bool is_error) {
  send_to_shard(handle, command::Send{handle, make_text_frame(text), is_error}, text.size());
}

void Gateway::close(const ConnectionHandle& handle, const Disconnect& why) {
  send_to_shard(handle, command::Close{handle, why});
}

// --- Drain ---------------------------------------------------------------------------------------------

void Gateway::drain(const Drain& order, std::function<void()> done) {
  if (draining_) return;
  draining_ = true;
  on_drained_ = std::move(done);
  const size_t connections = stats().shards.connections_active;
  log::info("drain_began", {{"connections", connections}, {"elsewhere", order.connections_elsewhere}});
  const Duration window =
      DrainSchedule::window(connections + order.connections_elsewhere, order.drain_timeout);
  send_to_all_shards(
      command::Drain{window, tickets_.successors(order.has_successors, probes_fresh()), takes_last_});
}

void Gateway::tell_successors(bool any) { send_to_all_shards(tickets_.successors(any, probes_fresh())); }

void Gateway::on_event(event::Drained& event) {
  shards_[event.shard].drained = true;
  if (std::all_of(shards_.begin(), shards_.end(), [](const ShardState& s) { return s.drained; }))
    std::exchange(on_drained_, nullptr)();
}

}  // namespace gw
