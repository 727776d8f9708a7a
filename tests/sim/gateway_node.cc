#include "sim/gateway_node.h"

#include <algorithm>

#include "ws/close_code.h"

namespace gw::sim {
namespace {

constexpr Duration kProbeEvery = 500ms;
constexpr Duration kCloseEvery = 20ms;  // one client each, while draining

}  // namespace

// One event stream. What it was given is on its way until it has arrived: its buffer.
class GatewayNode::Agent final : public AgentSink, public std::enable_shared_from_this<Agent> {
 public:
  Agent(GatewayNode& node, std::shared_ptr<Pipe> pipe, AgentEvents events)
      : node_(node), pipe_(std::move(pipe)), events_(std::move(events)) {}

  bool deliver(std::string_view id, std::string_view envelope) override {
    if (!pipe_->is_open() || on_its_way_ >= node_.options_.agent_buffer) return false;
    ++on_its_way_;
    pipe_->to_peer([self = shared_from_this(), id = std::string(id), envelope = std::string(envelope)] {
      --self->on_its_way_;
      self->events_.on_envelope(id, envelope);
    });
    return true;
  }
  bool missed() override {
    if (!pipe_->is_open() || on_its_way_ >= node_.options_.agent_buffer) return false;
    pipe_->to_peer(events_.on_gap);
    return true;
  }
  void fell_behind() override { pipe_->close_by_node(); }

  const AgentEvents& events() const { return events_; }
  Pipe& pipe() { return *pipe_; }
  SubscriptionHandle subscription;

 private:
  GatewayNode& node_;
  const std::shared_ptr<Pipe> pipe_;
  const AgentEvents events_;
  size_t on_its_way_ = 0;
};

GatewayNode::GatewayNode(World& world, Network& network, const ChannelTable& channels, const Options& options)
    : world_(world),
      channels_(channels),
      options_(options),
      machine_(std::make_shared<Machine>(world, network, options.engine.instance_id)),
      engine_(make_engine()),
      traffic_cop_(std::make_unique<TrafficCop>(engine_->sessions(), channels, wall_clock())),
      post_office_(std::make_unique<PostOffice>(*engine_, channels, PostOffice::Options{}, wall_clock())) {}

WallClock GatewayNode::wall_clock() {
  return [&loop = machine_->loop()] { return loop.wall_now(); };
}

std::unique_ptr<Engine> GatewayNode::make_engine() {
  if (!options_.memory) return std::make_unique<redis::Engine>(machine_->loop(), channels_, options_.engine);
  memory::EngineOptions options;
  options.instance_id = options_.engine.instance_id;
  options.presence = options_.engine.presence;
  return std::make_unique<memory::Engine>(machine_->loop(), channels_, options);
}

GatewayNode::~GatewayNode() {
  machine_->end();
  for (const auto& [slot, client] : clients_) client.pipe->close_by_node();
  for (const auto& [slot, agent] : agents_) {
    agent->subscription.reset();  // what is on its way to it may outlive the engine
    agent->pipe().close_by_node();
  }
  for (const auto& accepted : accepted_) {
    if (const auto pipe = accepted.lock()) pipe->close_by_node();
  }
}

void GatewayNode::start() {
  engine_->clients().attach(
      {.publish = [this](const Publication& publication) { return deliver(publication); },
       .send = [this](const ConnectionHandle& to, std::string_view message) { return send_to(to, message); },
       .engine_lost = [this] { echoed_at_ = {}; },
       .gap = [this](ChannelIndex channel) { send_gap(channel); }});
  engine_->registry().on_evicted(
      [this](const ConnectionHandle& handle, const Disconnect& why) { close(handle.slot, why); });
  engine_->sessions().on_change([this](const SessionPtr& session) { on_session_changed(session); });
  run([](GatewayNode& node) {
    node.engine_->start();
    node.probe_ = node.machine_->loop().every(kProbeEvery, [&node] {
      node.engine_->probe([&node](Result<void> answered) {
        node.echoed_at_ = answered ? node.machine_->loop().now() : TimePoint();
      });
    });
  });
}

void GatewayNode::run(std::function<void(GatewayNode&)> function) {
  machine_->at(world_.now(), [this, function = std::move(function)] { function(*this); });
}

// --- Clients ---

void GatewayNode::open_client(const std::shared_ptr<Pipe>& pipe, const std::string& token,
                              const std::string& client_id, const ClientEvents& events) {
  if (!is_ready()) return pipe->close_by_node();  // 503
  const uint32_t slot = next_slot_++;
  Client& client = clients_[slot];
  client.pipe = pipe;
  client.events = events;
  client.record.id = ConnectionId::make();
  client.record.handle = {0, slot, 1};
  client.record.client_id = client_id;
  client.record.channels.add(0);
  pipe->on_peer_closed = [slot](GatewayNode& node) {
    const auto it = node.clients_.find(slot);
    if (it == node.clients_.end()) return;
    if (it->second.admitted) node.engine_->registry().remove(it->second.record.id, ws::close_code::abnormal);
    node.clients_.erase(it);
  };
  traffic_cop_->validate(token, [this, slot](Result<SessionPtr> session) {
    if (!clients_.contains(slot)) return;
    if (session) return admit(slot, std::move(*session));
    const bool refused = session.error().code == Errc::unauthenticated;
    close(slot, refused ? disconnect::invalid_session : disconnect::internal);
  });
}

void GatewayNode::admit(uint32_t slot, SessionPtr session) {
  ConnectionRecord& record = clients_.at(slot).record;
  record.session = std::move(session);
  record.connected_at = record.last_activity = record.last_heartbeat = machine_->loop().wall_now();
  engine_->registry().add(record, options_.admission, [this, slot, id = record.id](Result<void> added) {
    const auto it = clients_.find(slot);
    if (it == clients_.end()) {
      if (added) engine_->registry().remove(id, ws::close_code::abnormal);
      return;
    }
    if (!added) {
      const Errc code = added.error().code;
      return close(slot, code == Errc::resource_exhausted    ? disconnect::connection_limit
                         : code == Errc::failed_precondition ? disconnect::capacity
                                                             : disconnect::internal);
    }
    it->second.admitted = true;
    it->second.pipe->to_peer([events = it->second.events, text = id.text()] { events.on_welcome(text); });
  });
}

void GatewayNode::close(uint32_t slot, const Disconnect& why) {
  const auto it = clients_.find(slot);
  if (it == clients_.end()) return;
  Client client = std::move(it->second);
  clients_.erase(it);
  if (client.admitted) engine_->registry().remove(client.record.id, why.code);
  client.pipe->to_peer([events = client.events, code = why.code] { events.on_close(code); });
  client.pipe->close_by_node();
}

GatewayNode::Client* GatewayNode::find(const Pipe& pipe) {
  const auto it = std::find_if(clients_.begin(), clients_.end(),
                               [&](const auto& client) { return client.second.pipe.get() == &pipe; });
  return it == clients_.end() ? nullptr : &it->second;
}

void GatewayNode::on_message(const std::shared_ptr<Pipe>& pipe, const ClientMessage& message) {
  const Client* const client = find(*pipe);
  if (!client || !client->admitted) return;
  const ConnectionRecord& record = client->record;
  const bool named = !record.client_id.empty();
  AgentMessage out;
  out.channel = *channels_.find(message.channel);
  out.tenant_id = record.tenant_id();
  message_ids_.append(out.message_id, world_.unix_ms());
  out.envelope = message.text;
  out.dedupe_key =
      (named ? record.session->ref.str() + "\n" + record.client_id.str() : record.id.text() + "\n") + "\n" +
      message.id;
  out.dedupe_everywhere = named;
  out.sender = record.handle.slot;
  engine_->agents().submit(std::move(out),
                           [pipe, id = message.id, events = client->events](Result<Submitted> taken) {
                             pipe->to_peer([events, id, taken] {
                               if (!taken) return events.on_error(id, taken.error().code);
                               constexpr const char* kStatus[] = {"published", "queued", "duplicate"};
                               events.on_ack(id, kStatus[taken->outcome]);
                             });
                           });
}

void GatewayNode::subscribe_client(const std::shared_ptr<Pipe>& pipe, const std::string& channel) {
  Client* const client = find(*pipe);
  if (!client || !client->admitted) return;
  ConnectionRecord& record = client->record;
  record.channel = *channels_.find(channel);
  record.channels.add(record.channel);
  record.last_activity = machine_->loop().wall_now();
  engine_->registry().update(
      record.id, {record.channel, record.channels, record.last_activity, record.last_heartbeat, {}});
}

Result<void> GatewayNode::deliver(const Publication& publication) {
  for (const auto& [slot, client] : clients_) {
    if (!client.admitted || !client.record.channels.contains(publication.channel)) continue;
    if (!publication.tenant_id.empty() && publication.tenant_id != client.record.tenant_id()) continue;
    client.pipe->to_peer([events = client.events, text = publication.message] { events.on_message(text); });
  }
  return {};
}

Result<void> GatewayNode::send_to(const ConnectionHandle& handle, std::string_view message) {
  const auto it = clients_.find(handle.slot);
  if (it == clients_.end()) return {};  // as with a shard: it has just gone
  it->second.pipe->to_peer(
      [events = it->second.events, text = std::string(message)] { events.on_message(text); });
  return {};
}

void GatewayNode::send_gap(ChannelIndex channel) {
  for (const auto& [slot, client] : clients_) {
    if (!client.record.channels.contains(channel)) continue;
    client.pipe->to_peer([events = client.events, name = channels_.name(channel)] { events.on_gap(name); });
  }
}

void GatewayNode::on_session_changed(const SessionPtr& session) {
  const bool active = session->status_at(machine_->loop().wall_now()) == SessionStatus::active;
  for (const ConnectionRecord& record : engine_->registry().select_local(BySession{session->ref})) {
    if (!active) {
      close(record.handle.slot, disconnect::session_ended);
    } else {
      engine_->registry().replace_session(record.id, session);
    }
  }
}

std::vector<std::string> GatewayNode::connection_ids() const {
  std::vector<std::string> ids;
  for (const auto& [slot, client] : clients_) {
    if (client.admitted) ids.push_back(client.record.id.text());
  }
  return ids;
}

// --- Agents ---

void GatewayNode::open_agent(const std::shared_ptr<Pipe>& pipe, const AgentSubscription& subscription,
                             const AgentEvents& events) {
  if (draining_) return pipe->close_by_node();
  const auto agent = std::make_shared<Agent>(*this, pipe, events);
  const uint32_t slot = next_slot_++;
  agents_[slot] = agent;
  pipe->on_peer_closed = [slot](GatewayNode& node) { node.agents_.erase(slot); };
  agent->subscription = engine_->agents().subscribe(
      subscription, agent, [this, slot, weak = std::weak_ptr(agent)](Result<void> subscribed) {
        const auto opened = weak.lock();
        if (!opened) return;
        if (subscribed) return opened->pipe().to_peer(opened->events().on_open);
        opened->pipe().to_peer(opened->events().on_refused);
        opened->pipe().close_by_node();
        run([slot](GatewayNode& node) { node.agents_.erase(slot); });
      });
}

// --- The end ---

void GatewayNode::drain(std::function<void(size_t)> done) {
  draining_ = true;
  drain_ = machine_->loop().every(kCloseEvery, [this, done = std::move(done)] {
    if (!clients_.empty()) return close(clients_.begin()->first, disconnect::restart);
    const auto finish = done;
    drain_.reset();
    finish_drain(finish);
  });
}

void GatewayNode::finish_drain(const std::function<void(size_t)>& done) {
  engine_->agents().park_waiting([this, done](Result<size_t> lost) {
    engine_->agents().stop_agents([this, done, lost = lost ? *lost : 0](Result<void>) {
      for (const auto& [slot, agent] : agents_) agent->pipe().close_by_node();
      engine_->leave([done, lost] { done(lost); });
    });
  });
}

}  // namespace gw::sim
