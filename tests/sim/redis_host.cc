#include "sim/redis_host.h"

#include "base/random.h"

namespace gw::sim {
namespace {

constexpr Duration kReplicateEvery = 20ms;

}  // namespace

RedisHost::RedisHost(World& world, Network& network, Scripts& scripts, HostPort address)
    : world_(world),
      network_(network),
      scripts_(scripts),
      address_(std::move(address)),
      server_(make_server()) {
  network_.add(*this);
}

RedisHost::~RedisHost() { network_.remove(*this); }

std::unique_ptr<RedisServer> RedisHost::make_server() const {
  auto server = std::make_unique<RedisServer>(
      secure_random_hex(20), [this] { return world_.unix_ms(); }, scripts_);
  return server;
}

Line::Far RedisHost::accept(const std::shared_ptr<Line>& line) {
  const uint64_t number = next_connection_++;
  const auto client = server_->connect();
  connections_[number] = {line, client};
  return {
      .on_bytes = [this, number](
                      const std::string& bytes) { take([this, number, bytes] { on_bytes(number, bytes); }); },
      .on_end = [this, number] { take([this, number] { on_end(number); }); }};
}

void RedisHost::take(std::function<void()> function) {
  taken_.push_back(std::move(function));
  if (!waits_) take_all();
}

void RedisHost::take_all() {
  waits_ = world_.now() < busy_until_;
  if (waits_) return world_.at(busy_until_, [this] { take_all(); });
  while (!taken_.empty()) {
    const auto function = std::move(taken_.front());
    taken_.pop_front();
    function();
  }
}

void RedisHost::on_bytes(uint64_t number, const std::string& bytes) {
  const auto it = connections_.find(number);
  if (it == connections_.end()) return;  // of a process that is gone
  server_->receive(*it->second.client, bytes);
  flush();
}

void RedisHost::on_end(uint64_t number) {
  const auto it = connections_.find(number);
  if (it == connections_.end()) return;
  server_->disconnect(it->second.client);
  it->second.line->close_far();
  connections_.erase(it);
}

// Each line in its own time: the answer to PUBLISH may be there before the message, or alone.
void RedisHost::flush() {
  for (auto& [number, connection] : connections_) {
    std::string bytes = std::exchange(connection.client->out, {});
    if (!bytes.empty()) connection.line->to_near(std::move(bytes));
  }
}

void RedisHost::stall(Duration time) { busy_until_ = std::max(busy_until_, world_.now() + time); }

void RedisHost::kill() {
  up_ = false;
  ++life_;
  world_.note(address_.text(), "killed");
  const auto connections = std::exchange(connections_, {});
  for (const auto& [number, connection] : connections) {
    server_->disconnect(connection.client);
    connection.line->reset();
  }
}

void RedisHost::start(RedisData data) {
  world_.note(address_.text(), "started");
  up_ = true;
  busy_until_ = {};
  server_ = make_server();
  server_->load(std::move(data));
  tick();
}

void RedisHost::watch(std::function<std::pair<RedisServer::Master, uint64_t>()> master) {
  watched_ = std::move(master);
  server_->watch(watched_);
}

void RedisHost::tick() {
  server_->tick();
  flush();
}

void RedisHost::follow(RedisHost& master, Duration lag) {
  world_.note(address_.text(), "follows " + master.address_.text());
  master_ = &master;
  lag_ = lag;
  server_->follow({master.address_.host, master.address_.port});
  replicate(++life_);
}

void RedisHost::lead() {
  world_.note(address_.text(), "leads");
  ++life_;
  if (master_) master_->server().forget_replica(address_.text());
  master_ = nullptr;
  server_->lead();
}

void RedisHost::replicate(uint64_t life) {
  if (life != life_ || !up_) return;
  if (master_->is_up() && master_->data().offset != server_->data().offset) {
    // What it has is always a moment of the master's past.
    world_.after(lag_, [this, life, data = master_->data(), master = master_] {
      if (life != life_ || !up_) return;
      const uint64_t offset = data.offset;
      server_->load(data);
      if (!master->is_up()) return;
      master->server().on_replicated(address_.text(), offset);
      master->flush();
    });
  }
  world_.after(kReplicateEvery, [this, life] { replicate(life); });
}

}  // namespace gw::sim
