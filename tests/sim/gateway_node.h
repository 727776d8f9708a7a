// One gateway of the world: the real engine, Traffic Cop and Post Office on a machine of its own. In place of
// shards and HTTP stands a list of connections, which does what they do with the engine's answers.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "engine/memory/engine.h"
#include "engine/redis/engine.h"
#include "post_office/post_office.h"
#include "sim/machine.h"
#include "sim/pipe.h"
#include "traffic_cop/traffic_cop.h"

namespace gw::sim {

// What a client hears. It runs on the client's side.
struct ClientEvents {
  std::function<void(const std::string& connection_id)> on_welcome;
  std::function<void(const std::string& id, const std::string& status)> on_ack;
  std::function<void(const std::string& id, Errc code)> on_error;
  std::function<void(const std::string& text)> on_message;
  std::function<void(const std::string& channel)> on_gap;
  std::function<void(uint16_t code)> on_close;
};

struct ClientMessage {
  std::string channel;
  std::string id;
  std::string text;
};

// What an agent's event stream hears, on the agent's side.
struct AgentEvents {
  std::function<void()> on_open;
  std::function<void()> on_refused;
  std::function<void(const std::string& event_id, const std::string& envelope)> on_envelope;
  std::function<void()> on_gap;
};

class GatewayNode : public std::enable_shared_from_this<GatewayNode> {
 public:
  struct Options {
    redis::EngineOptions engine;
    bool memory = false;  // the memory engine instead
    AdmissionLimits admission;
    size_t agent_buffer = 200;  // envelopes on their way to one agent
    std::string process;        // another one each time, also under the same name
  };

  GatewayNode(World& world, Network& network, const ChannelTable& channels, const Options& options);
  ~GatewayNode();

  void start();
  const std::string& name() const { return options_.engine.instance_id; }
  const std::string& process() const { return options_.process; }
  Machine& machine() { return *machine_; }
  // It has a connection, and may not have looked at it yet: its end comes with that of the process.
  void accept(std::weak_ptr<Pipe> pipe) { accepted_.push_back(std::move(pipe)); }
  // In its loop, after what waits there already.
  void run(std::function<void(GatewayNode&)> function);

  // --- Over a client's connection ---
  void open_client(const std::shared_ptr<Pipe>& pipe, const std::string& token, const std::string& client_id,
                   const ClientEvents& events);
  void on_message(const std::shared_ptr<Pipe>& pipe, const ClientMessage& message);
  void subscribe_client(const std::shared_ptr<Pipe>& pipe, const std::string& channel);

  // --- Over an agent's connections ---
  void open_agent(const std::shared_ptr<Pipe>& pipe, const AgentSubscription& subscription,
                  const AgentEvents& events);
  AgentDelivery& deliveries() { return engine_->agents(); }
  PostOffice& post_office() { return *post_office_; }
  TrafficCop& traffic_cop() { return *traffic_cop_; }

  // As on SIGTERM. `done`: it may be taken away. The number: messages that are lost.
  void drain(std::function<void(size_t)> done);
  bool is_ready() const { return !draining_ && machine_->now() - echoed_at_ < 3s; }
  size_t connections() const { return clients_.size(); }
  std::vector<std::string> connection_ids() const;

 private:
  struct Client {
    std::shared_ptr<Pipe> pipe;
    ClientEvents events;
    ConnectionRecord record;
    bool admitted = false;
  };
  class Agent;

  std::unique_ptr<Engine> make_engine();
  WallClock wall_clock();
  Result<void> deliver(const Publication& publication);
  Result<void> send_to(const ConnectionHandle& handle, std::string_view message);
  void send_gap(ChannelIndex channel);
  void admit(uint32_t slot, SessionPtr session);
  void close(uint32_t slot, const Disconnect& why);
  Client* find(const Pipe& pipe);
  void on_session_changed(const SessionPtr& session);
  void finish_drain(const std::function<void(size_t)>& done);

  World& world_;
  const ChannelTable& channels_;
  const Options options_;
  const std::shared_ptr<Machine> machine_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<TrafficCop> traffic_cop_;
  std::unique_ptr<PostOffice> post_office_;
  std::map<uint32_t, Client> clients_;  // by slot
  uint32_t next_slot_ = 1;
  std::map<uint32_t, std::shared_ptr<Agent>> agents_;  // by slot, too
  std::vector<std::weak_ptr<Pipe>> accepted_;
  MessageIdSource message_ids_;
  TimePoint echoed_at_;
  bool draining_ = false;
  EventLoop::Registration probe_;
  EventLoop::Registration drain_;
};

}  // namespace gw::sim
