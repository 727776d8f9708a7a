#include "sim/redis/real_redis.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>

#include "engine/redis/resp.h"
#include "engine/redis/server_testing.h"

namespace gw::sim {
// --- The process ---

struct RealRedis::Process {
  // The file that the preloaded clock reads, in shared memory.
  struct Clock {
    Clock() : path("/dev/shm/gateway-clock-XXXXXX"), fd(::mkstemp(path.data())) {
      if (!fd || ::ftruncate(fd.get(), sizeof(int64_t)) != 0) throw std::runtime_error("no clock file");
      memory = ::mmap(nullptr, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
      if (memory == MAP_FAILED) throw std::runtime_error("no memory for the clock");
      ::setenv("GATEWAY_FROZEN_CLOCK", path.c_str(), 1);
      ::setenv("LD_PRELOAD", FROZEN_CLOCK, 1);
    }
    ~Clock() { ::unlink(path.c_str()); }
    void set(int64_t unix_ms) { static_cast<std::atomic<int64_t>*>(memory)->store(unix_ms * 1000); }

    std::string path;
    UniqueFd fd;
    void* memory = nullptr;
  };

  explicit Process(int64_t unix_ms) {
    clock.set(unix_ms);
    server.emplace();
    ::unsetenv("LD_PRELOAD");
  }

  Clock clock;
  std::optional<redis::TestServer> server;
};

struct RealRedis::Connection {
  UniqueFd fd;
  AnswerReader reader;
};

RealRedis::RealRedis(int64_t unix_ms) : process_(std::make_unique<Process>(unix_ms)) {}
RealRedis::~RealRedis() = default;

void RealRedis::set_time(int64_t unix_ms) { process_->clock.set(unix_ms); }

size_t RealRedis::connect() {
  auto connection = std::make_unique<Connection>();
  connection->fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = process_->server->url().socket_path;
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof(address.sun_path) - 1));
  if (::connect(connection->fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    throw std::runtime_error("redis-server takes no connection");
  }
  connections_.push_back(std::move(connection));
  return connections_.size() - 1;
}

void RealRedis::send(size_t connection, const Words& words) {
  std::string bytes;
  redis::append_command(bytes, std::vector<std::string_view>(words.begin(), words.end()));
  for (std::string_view left = bytes; !left.empty();) {
    const ssize_t sent = ::send(connections_[connection]->fd.get(), left.data(), left.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw std::runtime_error("redis-server is gone");
    left.remove_prefix(static_cast<size_t>(sent));
  }
}

Answer RealRedis::read(size_t connection) {
  Connection& from = *connections_[connection];
  for (;;) {
    if (std::optional<Answer> answer = from.reader.next()) return *std::move(answer);
    pollfd waiting{from.fd.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 20'000) != 1) throw std::runtime_error("redis-server does not answer");
    char bytes[65536];
    const ssize_t got = ::recv(from.fd.get(), bytes, sizeof(bytes), 0);
    if (got <= 0) throw std::runtime_error("redis-server is gone");
    from.reader.feed({bytes, static_cast<size_t>(got)});
  }
}

// --- Side by side ---

Comparison::Comparison(int64_t unix_ms)
    : now_(unix_ms),
      model_(
          "model", [this] { return now_; }, scripts_),
      real_(unix_ms) {}

size_t Comparison::connect() {
  clients_.push_back(model_.connect());
  return real_.connect();
}

void Comparison::advance(int64_t ms) {
  now_ += ms;
  real_.set_time(now_);
}

std::string Comparison::run(size_t connection, const Words& words) {
  model_.receive(*clients_[connection], [&] {
    std::string bytes;
    redis::append_command(bytes, std::vector<std::string_view>(words.begin(), words.end()));
    return bytes;
  }());
  real_.send(connection, words);
  // The asker first: what it is told has happened.
  std::vector<size_t> order{connection};
  for (size_t i = 0; i < clients_.size(); ++i) {
    if (i != connection) order.push_back(i);
  }
  for (const size_t i : order) {
    AnswerReader reader;
    reader.feed(std::exchange(clients_[i]->out, {}));
    while (const std::optional<Answer> answer = reader.next()) {
      if (i == connection) last_ = *answer;
      const Answer ours = canonical(words, *answer), theirs = canonical(words, real_.read(i));
      if (ours == theirs) continue;
      std::string command;
      for (const std::string& word : words) command += (command.empty() ? "" : " ") + word;
      return "on " + std::to_string(i) + ", after: " + command + "\n  model: " + ours.shown() +
             "\n  Redis: " + theirs.shown();
    }
  }
  return {};
}

std::string Comparison::compare_data(size_t connection) {
  if (std::string different = run(connection, {"KEYS", "*"}); !different.empty()) return different;
  const Answer keys = last_;
  for (const Answer& key : keys.items) {
    for (const char* const ask : {"TYPE", "PTTL"}) {
      if (std::string different = run(connection, {ask, key.text}); !different.empty()) return different;
    }
    run(connection, {"TYPE", key.text});
    std::vector<Words> asked;
    if (last_.text == "string") asked = {{"GET", key.text}};
    if (last_.text == "hash") asked = {{"HGETALL", key.text}};
    if (last_.text == "set") asked = {{"SMEMBERS", key.text}};
    if (last_.text == "list") asked = {{"LRANGE", key.text, "0", "-1"}};
    if (last_.text == "zset") asked = {{"ZRANGEBYSCORE", key.text, "-inf", "+inf"}};
    if (last_.text == "stream")
      asked = {{"XRANGE", key.text, "-", "+"}, {"XINFO", "STREAM", key.text}, {"XINFO", "GROUPS", key.text}};
    for (const Words& words : asked) {
      if (std::string different = run(connection, words); !different.empty()) return different;
    }
  }
  return {};
}

}  // namespace gw::sim
