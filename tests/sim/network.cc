#include "sim/network.h"

#include <algorithm>
#include <cstring>

#include "sim/machine.h"
#include "sim/redis_host.h"

namespace gw::sim {
namespace {

constexpr Duration kLookAgain = 20ms;       // whether a cut is healed: TCP sends again
constexpr size_t kSendBuffer = 256 * 1024;  // what an end takes before it waits for the other
constexpr Duration kRefused = 1ms;

Error gone() { return {Errc::unavailable, "connection lost: End of file"}; }

// The machine's end of a line, as the product sees it.
class VirtualStream final : public Stream {
 public:
  VirtualStream(World& world, Network& network, std::shared_ptr<Machine> machine)
      : world_(world), network_(network), machine_(std::move(machine)) {}

  void connect(const HostPort& to, Done done) override {
    world_.after(world_.random.between(kRefused, kRefused + network_.latency_max),
                 [self = self(), to, done = std::move(done)] { self->try_connect(to, done); });
  }
  void connect_unix(const std::string&, Done done) override {
    run([done = std::move(done)] { done(Error{Errc::unavailable, "there are no Unix sockets here"}); });
  }
  void read_some(std::span<char> into, Read done) override {
    into_ = into;
    read_ = std::move(done);
    give();
  }
  void write(std::string_view data, Done done) override {
    if (ended_ || !line_) return run([done = std::move(done)] { done(gone()); });
    const bool takes_more = on_its_way_ < kSendBuffer;
    on_its_way_ += data.size();
    if (!takes_more) written_ = done;
    line_->to_far(std::string(data), [self = self(), bytes = data.size()] { self->on_arrived(bytes); });
    if (takes_more) run([done = std::move(done)] { done({}); });
  }
  void close() override {
    closed_ = true;
    if (line_) line_->close_near();
    line_.reset();
    read_ = nullptr;
    written_ = nullptr;
  }

 private:
  std::shared_ptr<VirtualStream> self() {
    return std::static_pointer_cast<VirtualStream>(shared_from_this());
  }

  // In the machine's loop, unless it was closed.
  void run(std::function<void()> function) {
    machine_->at(world_.now(), [self = self(), function = std::move(function)] {
      if (!self->closed_) function();
    });
  }

  void try_connect(const HostPort& to, const Done& done) {
    if (closed_) return;
    if (network_.is_cut(machine_->name(), to.text())) {
      return world_.after(kLookAgain, [self = self(), to, done] { self->try_connect(to, done); });
    }
    RedisHost* const host = network_.find(to.text());
    if (!host || !host->is_up()) {
      return run([done, to] { done(Error{Errc::unavailable, "can't connect: Connection refused"}); });
    }
    line_ = std::make_shared<Line>(world_, network_, machine_->name(), to.text());
    network_.add(line_);
    line_->open({.on_bytes =
                     [weak = weak_self()](std::string bytes) {
                       if (const auto stream = weak.lock()) stream->on_bytes(bytes);
                     },
                 .on_end =
                     [weak = weak_self()] {
                       if (const auto stream = weak.lock()) stream->on_end();
                     }},
                host->accept(line_));
    run([done] { done({}); });
  }

  std::weak_ptr<VirtualStream> weak_self() { return self(); }

  // Behind a reset the far end may go on writing until it hears of it. TCP gives nothing of that: there may
  // be a hole before it, which no reader could see.
  void on_bytes(const std::string& bytes) {
    if (ended_) return;
    arrived_ += bytes;
    give();
  }
  void on_end() {
    ended_ = true;
    give();
    if (written_) run([done = std::exchange(written_, nullptr)] { done(gone()); });
  }
  void on_arrived(size_t bytes) {
    on_its_way_ -= bytes;
    if (written_ && on_its_way_ < kSendBuffer) run([done = std::exchange(written_, nullptr)] { done({}); });
  }
  // To whoever reads, if there is something.
  void give() {
    if (!read_ || giving_ || (arrived_.empty() && !ended_)) return;
    giving_ = true;
    run([this] {
      giving_ = false;
      const Read done = std::exchange(read_, nullptr);
      if (!done) return;
      if (arrived_.empty()) return done(gone());
      size_t bytes = std::min(into_.size(), arrived_.size());
      if (world_.random.one_in(16))
        bytes = static_cast<size_t>(world_.random.between(1, static_cast<int64_t>(bytes)));
      std::memcpy(into_.data(), arrived_.data(), bytes);
      arrived_.erase(0, bytes);
      done(bytes);
    });
  }

  World& world_;
  Network& network_;
  const std::shared_ptr<Machine> machine_;
  std::shared_ptr<Line> line_;
  std::span<char> into_;
  Read read_;
  bool giving_ = false;
  Done written_;  // of a write that waits for room
  size_t on_its_way_ = 0;
  std::string arrived_;
  bool ended_ = false;
  bool closed_ = false;
};

}  // namespace

// --- A line ---

Line::Line(World& world, Network& network, std::string machine, std::string host)
    : world_(world),
      network_(network),
      machine_(std::move(machine)),
      host_(std::move(host)),
      latency_(world.random.between(Duration(50us), network.latency_max)) {}

void Line::open(Near near, Far far) {
  near_ = std::move(near);
  far_ = std::move(far);
}

void Line::send(Direction& direction, std::function<void()> arrive_there) {
  if (vanished_) return;
  const Duration jitter = world_.random.between(Duration::zero(), latency_ / 4);
  const TimePoint due = std::max(world_.now() + latency_ + jitter, direction.last_arrival);
  direction.last_arrival = due;
  world_.at(due, [self = shared_from_this(), &direction, generation = direction.generation,
                  arrive_there = std::move(arrive_there)] {
    if (!self->vanished_ && generation == direction.generation) self->arrive(direction, arrive_there);
  });
}

void Line::arrive(Direction& direction, std::function<void()> function) {
  const bool holds = !direction.held.empty();
  if (!holds && !network_.is_cut(machine_, host_)) return function();
  direction.held.push_back(std::move(function));
  if (!holds) give_held(direction);
}

// TCP sends again until it gets through.
void Line::give_held(Direction& direction) {
  if (network_.is_cut(machine_, host_)) {
    return world_.after(kLookAgain, [self = shared_from_this(), &direction] { self->give_held(direction); });
  }
  while (!direction.held.empty() && !vanished_) {
    const auto function = std::move(direction.held.front());
    direction.held.pop_front();
    function();
  }
}

void Line::lose(Direction& direction) {
  ++direction.generation;
  direction.held.clear();
}

void Line::to_far(std::string bytes, std::function<void()> arrived) {
  send(out_, [this, bytes = std::move(bytes), arrived = std::move(arrived)] {
    if (!far_open_) return;
    arrived();
    far_.on_bytes(bytes);
  });
}

void Line::to_near(std::string bytes) {
  send(back_, [this, bytes = std::move(bytes)] {
    if (near_open_) near_.on_bytes(bytes);
  });
}

void Line::close_near() {
  if (!std::exchange(near_open_, false)) return;
  send(out_, [this] {
    if (std::exchange(far_open_, false)) far_.on_end();
  });
}

void Line::close_far() {
  if (!std::exchange(far_open_, false)) return;
  send(back_, [this] {
    if (near_open_) near_.on_end();
  });
}

void Line::reset() {
  if (world_.random.one_in(2)) lose(out_);
  if (world_.random.one_in(2)) lose(back_);
  send(out_, [this] {
    if (std::exchange(far_open_, false)) far_.on_end();
  });
  send(back_, [this] {
    if (near_open_) near_.on_end();
  });
}

// --- All of them ---

std::shared_ptr<Stream> Network::make_stream(std::shared_ptr<Machine> machine) {
  return std::make_shared<VirtualStream>(world_, *this, std::move(machine));
}

void Network::add(RedisHost& host) { hosts_[host.address().text()] = &host; }
void Network::remove(const RedisHost& host) { hosts_.erase(host.address().text()); }

RedisHost* Network::find(const std::string& address) const {
  const auto it = hosts_.find(address);
  return it == hosts_.end() ? nullptr : it->second;
}

void Network::heal_all() { cuts_.clear(); }

std::vector<std::shared_ptr<Line>> Network::lines() {
  std::erase_if(lines_, [](const auto& weak) { return weak.expired(); });
  std::vector<std::shared_ptr<Line>> out;
  for (const auto& weak : lines_) {
    const auto line = weak.lock();
    if (line->is_open()) out.push_back(line);
  }
  return out;
}

void Network::close_all_of(const std::string& machine) {
  for (const auto& line : lines()) {
    if (line->machine() == machine) line->close_near();
  }
}

}  // namespace gw::sim
