// One Redis: clients' bytes in, answers and pushes out. It has no socket, no clock and no thread of its own.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "sim/redis/command.h"
#include "sim/redis/scripts.h"

namespace gw::sim {

using Databases = std::array<Keyspace, 4>;

struct RedisClient {
  struct Wait {
    int64_t replicas = 0;
    int64_t until = 0;  // unix ms
  };

  uint64_t id = 0;
  std::string in;   // not yet a whole command
  std::string out;  // taken by whoever carries it away
  size_t database = 0;
  std::set<std::string> channels;  // of Pub/Sub
  uint64_t offset = 0;             // behind its last write
  std::optional<Wait> wait;        // what it sends meanwhile waits, too
};

// What a replica gets, and what a restarted server reads from its disk.
struct RedisData {
  Databases databases;
  uint64_t offset = 0;  // writes so far
};

class RedisServer {
 public:
  struct Master {
    std::string host;
    uint16_t port = 0;
  };
  // A command that came over a connection, not those inside scripts.
  using OnCommand = std::function<void(const RedisClient&, const Words&, const Answer&)>;

  RedisServer(std::string run_id, std::function<int64_t()> unix_ms, Scripts& scripts)
      : run_id_(std::move(run_id)), unix_ms_(std::move(unix_ms)), scripts_(scripts) {}

  std::shared_ptr<RedisClient> connect();
  void disconnect(const std::shared_ptr<RedisClient>& client);
  void receive(RedisClient& client, std::string_view bytes);
  // For WAITs whose time is over.
  void tick();
  // A client has something to read.
  void on_output(std::function<void(RedisClient&)> function) { on_output_ = std::move(function); }
  void on_command(OnCommand function) { on_command_ = std::move(function); }

  const RedisData& data() const { return data_; }
  void load(RedisData data);
  // A replica refuses writes.
  void follow(Master master) { master_ = std::move(master); }
  void lead() { master_.reset(); }
  bool is_master() const { return !master_; }
  // This replica has what was written up to `offset`.
  void on_replicated(const std::string& replica, uint64_t offset);
  void forget_replica(const std::string& replica) { replicated_.erase(replica); }
  void set_loading(bool loading) { loading_ = loading; }
  // Sentinels say where this master is.
  void watch(std::function<std::pair<Master, uint64_t>()> master) { watched_ = std::move(master); }

  // For commands.
  Answer execute(RedisClient& client, const Words& words, bool from_script);
  int64_t publish(const std::string& channel, const std::string& payload);
  Answer run_script(Call& call, const std::string& sha1);
  Answer load_script(const std::string& text);
  int64_t replicas_with(uint64_t offset) const;
  int64_t listeners(const std::string& channel) const;
  std::string info() const;
  const std::optional<Master>& master() const { return master_; }
  const auto& watched() const { return watched_; }
  const auto& replicas() const { return replicated_; }

 private:
  // A whole command from the front of `client.in`; empty: there is none yet.
  static std::optional<Words> take_command(RedisClient& client);
  void run_all(RedisClient& client);
  Answer refusal(const Command& command, const RedisClient& client) const;
  void answer(RedisClient& client, const Answer& answer);

  const std::string run_id_;
  const std::function<int64_t()> unix_ms_;
  Scripts& scripts_;
  std::function<void(RedisClient&)> on_output_ = [](RedisClient&) {};
  OnCommand on_command_;
  std::function<std::pair<Master, uint64_t>()> watched_;
  RedisData data_;
  std::optional<Master> master_;
  std::map<std::string, uint64_t> replicated_;  // replica -> what it has
  bool loading_ = false;
  std::set<std::string> known_scripts_;
  std::map<uint64_t, std::shared_ptr<RedisClient>> clients_;
  uint64_t next_client_ = 1;
};

}  // namespace gw::sim
