#include "sim/scenario.h"

#include <algorithm>

#include "sim/checker.h"
#include "sim/faults.h"

namespace gw::sim {
namespace {

const HostPort kRedis[] = {{"redis-1", 6379}, {"redis-2", 6379}};
const HostPort kSentinels[] = {{"sentinel-1", 26379}, {"sentinel-2", 26379}, {"sentinel-3", 26379}};
constexpr Duration kBegin = 3s;
constexpr Duration kLastTrouble = 3s;
// Redelivery, a lease that runs out and a reaper all fit in.
constexpr Duration kRestMin = 60s;
constexpr Duration kRestMax = 120s;

// They are compiled once for all seeds.
Scripts& scripts() {
  static Scripts all;
  return all;
}

// What can happen to a gateway that runs alone and keeps everything to itself.
size_t one_of_its_own(Random& random) {
  return find_fault(random.one_of({"stall_node", "break_client", "break_agent"}));
}

}  // namespace

Plan::Plan(Random& random)
    : gateways(1 + random.below(3)),
      clients(2 + random.below(5)),
      group_members(1 + random.below(3)),
      groups(random.below(3)),
      feeds(random.below(3)),
      inbox_size(random.one_in(5) ? 30 : 1000),
      trouble(random.between(Duration(8s), Duration(25s))),
      between_faults(random.one_of({Duration(300ms), Duration(1s), Duration(4s)})) {
  if (groups + feeds == 0) groups = 1;
  realms = random.one_in(2);
  sentinels = random.one_in(4);
  if (sentinels) replicas = random.below(2);
  memory = !sentinels && random.one_in(8);
  if (!memory && random.one_in(3)) redis_agents = 1 + random.below(2);
  if (memory) gateways = 1;
  const auto pick_fault = [&] { return memory ? one_of_its_own(random) : random.below(faults_known()); };
  const size_t kinds = random.below(5);
  for (size_t i = 0; i < kinds; ++i) faults.push_back(pick_fault());
}

Scenario::Scenario(uint64_t seed, bool with_history)
    : world_(seed), plan_(world_.random), network_(world_), channels_({"guide", "liaison"}) {
  if (with_history) world_.keep_history();
  network_.latency_max = world_.random.one_of({Duration(300us), Duration(3ms), Duration(25ms)});
  journal_.memory = plan_.memory;
  places_.resize(plan_.gateways);
  start_redis();
}

void Scenario::start_redis() {
  const auto add = [this](const HostPort& address) -> RedisHost& {
    hosts_.push_back(std::make_unique<RedisHost>(world_, network_, scripts(), address));
    return *hosts_.back();
  };
  add(kRedis[0]);
  if (!plan_.sentinels) return;
  // Each message waits for it where replicas have to have it.
  const Duration lag =
      plan_.replicas > 0 ? Duration(2ms) : world_.random.one_of({Duration(1ms), Duration(300ms)});
  add(kRedis[1]).follow(*hosts_[0], lag);
  for (const HostPort& address : kSentinels) {
    add(address).watch([this] {
      const HostPort& master = kRedis[master_];
      return std::pair(RedisServer::Master{master.host, master.port}, epoch_);
    });
  }
}

void Scenario::fail_over() {
  if (!plan_.sentinels || !hosts_[0]->is_up() || !hosts_[1]->is_up()) return;
  const size_t old = master_;
  // Sentinels promote a replica, and nobody else: the old master is none until it follows.
  if (hosts_[1 - old]->leads()) return;
  world_.note("sentinels", "** fail over");
  // What the replica does not have yet is lost; with WAIT nothing of that was acknowledged.
  journal_.rolled_back = true;
  if (plan_.replicas == 0) journal_.lossy = true;
  if (world_.random.one_in(2)) hosts_[old]->kill();
  master_ = 1 - old;
  ++epoch_;
  hosts_[master_]->lead();
  world_.after(world_.random.one_of({Duration(100ms), Duration(2s)}), [this, old] {
    if (!hosts_[old]->is_up()) hosts_[old]->start({});
    hosts_[old]->follow(*hosts_[master_], Duration(2ms));
  });
}

Scenario::~Scenario() {
  for (Place& place : places_) place.node.reset();
}

Duration Scenario::at_most(Duration time) const {
  return std::min(time, std::max(trouble_ends_ + kLastTrouble - world_.now(), Duration(1ms)));
}

void Scenario::start_node(size_t place) {
  Place& at = places_[place];
  if (at.node) return;
  GatewayNode::Options options;
  options.memory = plan_.memory;
  // There what an agent has no room for comes again only after half a minute.
  if (plan_.memory) options.agent_buffer = 5000;
  options.engine.urls = {*redis::Url::parse(
      plan_.sentinels ? "redis+sentinel://sentinel-1:26379,sentinel-2:26379,sentinel-3:26379/master"
                      : "redis://" + kRedis[0].text())};
  options.engine.agents.inbox_replicas = plan_.replicas;
  options.engine.instance_id = "gw-" + std::to_string(place + 1);
  // Under its old name, or as a new one.
  if (++at.lives > 1 && world_.random.one_in(2)) options.engine.instance_id += "-" + std::to_string(at.lives);
  options.process = options.engine.instance_id + "#" + std::to_string(at.lives);
  options.engine.agents.sender.inbox = true;
  options.engine.presence.channels = ChannelSet::all();
  options.engine.agents.sender.inbox_size = plan_.inbox_size;
  world_.note(options.engine.instance_id, "starts");
  at.leaving = false;
  at.node = std::make_shared<GatewayNode>(world_, network_, channels_, options);
  at.node->start();
}

void Scenario::end_node(size_t place) {
  world_.note(places_[place].node->name(), "** killed");
  journal_.killed.insert(places_[place].node->process());
  places_[place].node.reset();
}

void Scenario::drain_node(size_t place) {
  Place& at = places_[place];
  world_.note(at.node->name(), "** drains");
  at.leaving = true;
  at.node->run([this, place](GatewayNode& node) {
    node.drain([this, place, life = places_[place].lives](size_t lost) {
      if (lost > 0) journal_.killed.insert(places_[place].node->process());
      // Not in its own turn.
      world_.after(Duration::zero(), [this, place, life] {
        if (places_[place].lives != life || !places_[place].node) return;
        world_.note(places_[place].node->name(), "has drained");
        places_[place].node.reset();
        if (ending_) return;
        world_.after(world_.random.between(Duration(10ms), Duration(3s)),
                     [this, place] { start_node(place); });
      });
    });
  });
}

std::shared_ptr<GatewayNode> Scenario::pick_ready() {
  const size_t first = world_.random.below(places_.size());
  for (size_t i = 0; i < places_.size(); ++i) {
    const Place& place = places_[(first + i) % places_.size()];
    if (place.node && !place.leaving && place.node->is_ready()) return place.node;
  }
  return nullptr;
}

void Scenario::open_sessions(size_t client) {
  const auto node = pick_ready();
  const auto again = [this, client] { open_sessions(client); };
  if (!node) return world_.after(100ms, again);
  SimClient::Options options;
  options.name = "client-" + std::to_string(client + 1);
  options.tenant = world_.random.one_in(3) ? "t1" : "";
  options.channel = channels_.name(static_cast<ChannelIndex>(world_.random.below(2)));
  options.named = !world_.random.one_in(3);
  options.send_every = world_.random.one_of({Duration(50ms), Duration(300ms), Duration(1s)});
  NewSession session;
  session.user_id = "user-" + std::to_string(client / 2 + 1);
  node->run([this, options, session, again](GatewayNode& to) {
    to.traffic_cop().create(session, options.tenant, [this, options, again](Result<CreatedSession> created) {
      if (!created) return world_.after(100ms, again);
      SimClient::Options ready = options;
      ready.token = created->session_id;
      clients_.push_back(std::make_shared<SimClient>(
          world_, journal_, [this] { return pick_ready(); }, ready));
      clients_.back()->start();
    });
  });
}

void Scenario::start_agents() {
  const auto add = [this](std::string name, const std::string& group, ChannelIndex channel) {
    SimAgent::Options options;
    options.name = std::move(name);
    options.channel = channels_.name(channel);
    options.subscription.channel = channel;
    options.subscription.group = group;
    if (world_.random.one_in(4)) options.subscription.tenant_id = "t1";
    agents_.push_back(std::make_shared<SimAgent>(
        world_, journal_, [this] { return pick_ready(); }, options));
    const Duration wait = world_.random.one_in(4) ? Duration(6s) : Duration(10ms);
    world_.after(wait, [agent = agents_.back()] { agent->start(); });
  };
  for (size_t group = 0; group < plan_.groups; ++group) {
    for (size_t i = 0; i < plan_.group_members; ++i) {
      const auto number = std::to_string(group + 1);
      add("member-" + number + "-" + std::to_string(i + 1), "g" + number,
          static_cast<ChannelIndex>(group % 2));
    }
  }
  for (size_t i = 0; i < plan_.feeds; ++i) {
    add("feed-" + std::to_string(i + 1), "", static_cast<ChannelIndex>(i % 2));
  }
  for (size_t i = 0; i < plan_.redis_agents; ++i) {
    RedisAgent::Options options{"redis-agent-" + std::to_string(i + 1), channels_.name(i % 2),
                                world_.random.one_in(2)};
    redis_agents_.push_back(std::make_shared<RedisAgent>(
        world_, network_, journal_, [this] { return &redis(); }, options));
    world_.after(world_.random.between(Duration(1s), Duration(9s)),
                 [agent = redis_agents_.back()] { agent->start(); });
  }
  for (size_t i = 0; plan_.realms && i < channels_.size(); ++i) {
    const auto channel = static_cast<ChannelIndex>(i);
    realms_.push_back(std::make_shared<Realm>(
        world_, journal_, [this] { return pick_ready(); }, channel, channels_.name(channel)));
    realms_.back()->start();
  }
}

void Scenario::trouble() {
  if (world_.now() >= trouble_ends_ || plan_.faults.empty()) return;
  const auto which = world_.random.one_of(std::span<const size_t>(plan_.faults));
  fault(which).strike(*this);
  world_.after(world_.random.between(Duration(1ms), 2 * plan_.between_faults), [this] { trouble(); });
}

void Scenario::heal() {
  world_.note("world", "** heals");
  network_.heal_all();
  if (!redis().is_up()) redis().start(redis().data());
  for (size_t i = 0; i < places_.size(); ++i) start_node(i);
  for (const auto& client : clients_) client->fall_silent();
  for (const auto& realm : realms_) realm->fall_silent();
  for (const auto& agent : agents_) agent->behave();
}

bool Scenario::is_quiet() const {
  return std::all_of(clients_.begin(), clients_.end(), [](const auto& client) {
    return client->has_all_answers() && !client->connection().empty();
  });
}

std::string Scenario::drain_all() {
  ending_ = true;
  for (const auto& client : clients_) client->leave();
  for (const auto& agent : agents_) agent->leave();
  for (const auto& agent : redis_agents_) agent->leave();
  world_.run_for(2s);
  for (size_t i = 0; i < places_.size(); ++i) {
    if (places_[i].node && !places_[i].leaving) drain_node(i);
  }
  world_.run_for(15s);
  for (const Place& place : places_) {
    if (place.node) return place.node->name() + " has not drained within 15 s";
  }
  return {};
}

// Whatever happens, what has a bound stays in it.
void Scenario::look_at_bounds() {
  world_.after(250ms, [this] { look_at_bounds(); });
  for (const Place& place : places_) {
    if (!place.node || !broken_.empty()) continue;
    for (ChannelIndex channel = 0; channel < channels_.size(); ++channel) {
      const ChannelStats stats = place.node->deliveries().stats(channel);
      // That is one client's; a channel has room for four times as much.
      if (stats.queue_size <= stats.queue_max * 4) continue;
      broken_ = place.node->name() + " holds " + std::to_string(stats.queue_size) + " messages, of " +
                std::to_string(stats.queue_max) + " at most";
    }
  }
  if (plan_.memory || journal_.lossy || !broken_.empty()) return;
  const RedisData& data = redis().data();
  for (const std::string& name : channels_.names()) {
    const auto found = data.databases[0].values().find("websocket:inbox:" + name);
    if (found == data.databases[0].values().end()) continue;
    const size_t size = std::get<StreamData>(found->second->data).entries.size();
    if (size > plan_.inbox_size)
      broken_ = "the inbox of " + name + " holds " + std::to_string(size) + " entries";
  }
}

// As a client's message would be refused then, what was left over by a stopped instance waits for room.
static bool is_parked_behind_full_inbox(const Keyspace& data, const std::string& channel, size_t inbox_size) {
  const auto parked = data.values().find("websocket:channel:" + channel + ":parked");
  const auto inbox = data.values().find("websocket:inbox:" + channel);
  if (parked == data.values().end() || inbox == data.values().end()) return false;
  return std::get<StreamData>(inbox->second->data).entries.size() >= inbox_size;
}

std::string Scenario::verdict() {
  std::set<std::string> live, gateways;
  for (const Place& place : places_) {
    if (!place.node) return "a gateway is down at the end";
    gateways.insert(place.node->name());
    for (const std::string& id : place.node->connection_ids()) live.insert(id);
    for (ChannelIndex channel = 0; channel < channels_.size(); ++channel) {
      const bool waits = place.node->deliveries().stats(channel).queue_size > 0;
      if (waits) journal_.waiting.insert(channels_.name(channel));
    }
  }
  const RedisData seen = redis().data();
  const Keyspace& data = seen.databases[0];
  for (const std::string& channel : channels_.names()) {
    if (is_parked_behind_full_inbox(data, channel, plan_.inbox_size)) journal_.waiting.insert(channel);
  }
  if (!broken_.empty()) return broken_;
  for (const std::string& wrong :
       {check_messages(journal_, data), check_answers(journal_), check_publications(journal_),
        plan_.memory ? std::string() : check_registry(data, live, gateways)}) {
    if (!wrong.empty()) return wrong;
  }
  return {};
}

std::string Scenario::run() {
  for (size_t i = 0; i < places_.size(); ++i) start_node(i);
  start_agents();
  for (size_t i = 0; i < plan_.clients; ++i) open_sessions(i);
  look_at_bounds();
  world_.run_for(kBegin);
  trouble_ends_ = world_.now() + plan_.trouble;
  trouble();
  world_.run_until(trouble_ends_);
  world_.run_for(kLastTrouble);  // what has begun ends
  heal();
  world_.run_for(kRestMin);
  for (Duration waited{}; !is_quiet() && waited < kRestMax; waited += 5s) world_.run_for(5s);
  if (std::string wrong = verdict(); !wrong.empty()) return wrong;
  if (std::string wrong = drain_all(); !wrong.empty()) return wrong;
  RedisData left = redis().data();
  left.databases[0].expire(world_.unix_ms());
  return check_nothing_left(left.databases[0], journal_);
}

}  // namespace gw::sim
