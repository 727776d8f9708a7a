// A Redis Cluster of the test program's own: three masters, each with a replica, on this machine, without
// persistence, ended with the program. Node i is a master, i + 3 its replica, until a test changes that.
#pragma once

#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/time.h"
#include "engine/redis/cluster_slot.h"
#include "engine/redis/server_testing.h"

namespace gw::redis {

class TestCluster {
 public:
  static constexpr size_t kMasters = 3, kNodes = 2 * kMasters;

  // The one that tests share who change nothing of it; each takes a key prefix of its own.
  static TestCluster& shared() {
    static TestCluster cluster;
    return cluster;
  }

  // Throws when it cannot be started: a test without its servers has failed.
  explicit TestCluster(int node_timeout_ms = 5000)
      : node_timeout_(std::to_string(node_timeout_ms)), directory_(make_test_directory()) {
    const std::vector<uint16_t> ports = free_ports(2 * kNodes);
    for (size_t i = 0; i < kNodes; ++i) {
      nodes_[i].port = ports[2 * i];
      nodes_[i].bus_port = ports[2 * i + 1];
    }
    for (size_t i = 0; i < kNodes; ++i) begin(i);
    until([this] { return is_ready(); }, "the cluster did not come up within 30 s");
  }
  ~TestCluster() {
    for (size_t i = 0; i < kNodes; ++i) kill(i);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;

  // Names two of the six.
  Url url() const {
    Url url;
    url.is_cluster = true;
    url.hosts = {address(0), address(4)};
    return url;
  }
  HostPort address(size_t node) const { return {"127.0.0.1", nodes_[node].port}; }
  static std::string id(size_t node) { return std::string(39, '0') + std::to_string(node + 1); }

  // What the node answers, in one line; "!" begins an error, "" is none at all.
  std::string ask(size_t node, const std::vector<std::string>& words) const {
    timeval patience{2, 0};
    const std::unique_ptr<redisContext, void (*)(redisContext*)> context(
        redisConnectWithTimeout("127.0.0.1", nodes_[node].port, patience), redisFree);
    if (!context || context->err != 0) return "";
    redisSetTimeout(context.get(), patience);
    std::vector<const char*> texts;
    std::vector<size_t> sizes;
    for (const std::string& word : words) {
      texts.push_back(word.data());
      sizes.push_back(word.size());
    }
    const std::unique_ptr<void, void (*)(void*)> reply(
        redisCommandArgv(context.get(), static_cast<int>(words.size()), texts.data(), sizes.data()),
        freeReplyObject);
    return reply ? text_of(*static_cast<const redisReply*>(reply.get())) : "";
  }
  // The node that serves a slot, as it says itself.
  size_t master_of(uint16_t slot) const {
    const std::string key = name_in(slot);
    for (size_t i = 0; i < kNodes; ++i) {
      if (nodes_[i].pid > 0 && ask(i, {"GET", key}).starts_with('(')) return i;
    }
    throw std::runtime_error("no master for slot " + std::to_string(slot));
  }
  // The least number that is in the slot, as the tag of a name.
  static std::string tag_of(uint16_t slot) {
    for (int number = 0;; ++number) {
      if (slot_of(std::to_string(number)) == slot) return "{" + std::to_string(number) + "}";
    }
  }

  void kill(size_t node) {
    if (nodes_[node].pid <= 0) return;
    ::kill(nodes_[node].pid, SIGKILL);
    ::waitpid(std::exchange(nodes_[node].pid, -1), nullptr, 0);
  }
  // It is there and says nothing more.
  void stop(size_t node) const { ::kill(nodes_[node].pid, SIGSTOP); }
  void go_on(size_t node) const { ::kill(nodes_[node].pid, SIGCONT); }

  // The two ends of a slot's way: from the first on its keys may be at either.
  void begin_migration(uint16_t slot, size_t from, size_t to) const {
    const std::string number = std::to_string(slot);
    must(to, {"CLUSTER", "SETSLOT", number, "IMPORTING", id(from)});
    must(from, {"CLUSTER", "SETSLOT", number, "MIGRATING", id(to)});
  }
  void move_key(const std::string& key, size_t from, size_t to) const {
    ask(from, {"MIGRATE", "127.0.0.1", std::to_string(nodes_[to].port), key, "0", "5000"});
  }
  std::vector<std::string> keys_in(uint16_t slot, size_t node) const {
    const std::string found = ask(node, {"CLUSTER", "GETKEYSINSLOT", std::to_string(slot), "100000"});
    std::vector<std::string> keys;
    for (size_t at = 0; at < found.size();) {
      const size_t end = std::min(found.find('\n', at), found.size());
      keys.push_back(found.substr(at, end - at));
      at = end + 1;
    }
    return keys;
  }
  void end_migration(uint16_t slot, size_t from, size_t to) const {
    const std::string number = std::to_string(slot);
    for (const size_t node : {to, from}) must(node, {"CLUSTER", "SETSLOT", number, "NODE", id(to)});
  }

  template <class Condition>
  static void until(const Condition& holds, const char* otherwise) {
    const TimePoint deadline = steady_now() + 30s;
    while (!holds()) {
      if (steady_now() > deadline) throw std::runtime_error(otherwise);
      ::poll(nullptr, 0, 20);
    }
  }

 private:
  struct Node {
    uint16_t port = 0;
    uint16_t bus_port = 0;
    pid_t pid = -1;
  };

  static std::string name_in(uint16_t slot) { return tag_of(slot) + ":never-there"; }

  // As if they had met before: what each writes down about all of them.
  std::string known_to(size_t node) const {
    std::string out;
    for (size_t i = 0; i < kNodes; ++i) {
      const bool is_master = i < kMasters;
      out += id(i) + " 127.0.0.1:" + std::to_string(nodes_[i].port) + "@" +
             std::to_string(nodes_[i].bus_port) + (i == node ? " myself," : " ") +
             (is_master ? "master -" : "slave " + id(i - kMasters)) + " 0 0 " +
             std::to_string(i % kMasters + 1) + " connected";
      if (is_master) {
        out += " " + std::to_string(i * kSlots / kMasters) + "-" +
               std::to_string((i + 1) * kSlots / kMasters - 1);
      }
      out += "\n";
    }
    return out + "vars currentEpoch " + std::to_string(kMasters) + " lastVoteEpoch 0\n";
  }

  void begin(size_t i) {
    const std::filesystem::path directory = directory_ / std::to_string(i);
    std::filesystem::create_directory(directory);
    std::ofstream(directory / "nodes.conf") << known_to(i);
    const std::string port = std::to_string(nodes_[i].port), bus_port = std::to_string(nodes_[i].bus_port);
    nodes_[i].pid = ::fork();
    if (nodes_[i].pid == 0) run(directory.c_str(), port.c_str(), bus_port.c_str(), node_timeout_.c_str());
  }
  // A cluster goes on with what it has when a part of it is away, or every test of that would end in the
  // first minute.
  [[noreturn]] static void run(const char* directory, const char* port, const char* bus_port,
                               const char* node_timeout) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", port, "--cluster-enabled",
             "yes", "--cluster-port", bus_port, "--cluster-config-file", "nodes.conf",
             "--cluster-node-timeout", node_timeout, "--cluster-require-full-coverage", "no",
             "--cluster-allow-replica-migration", "no", "--cluster-replica-validity-factor", "0",
             "--repl-diskless-sync-delay", "0", "--save", "", "--appendonly", "no", "--dir", directory,
             "--logfile", "log", nullptr);
    ::_exit(127);
  }

  bool is_ready() {
    for (size_t i = 0; i < kNodes; ++i) {
      int status = 0;
      if (::waitpid(nodes_[i].pid, &status, WNOHANG) == nodes_[i].pid) {
        nodes_[i].pid = -1;
        throw std::runtime_error("a node ended at once: is redis-server 7.0 or newer in PATH?");
      }
      if (ask(i, {"CLUSTER", "INFO"}).find("cluster_state:ok") == std::string::npos) return false;
      const bool is_linked =
          ask(i, {"INFO", "replication"}).find("master_link_status:up") != std::string::npos;
      if (i >= kMasters && !is_linked) return false;
    }
    return true;
  }

  void must(size_t node, const std::vector<std::string>& words) const {
    const std::string answer = ask(node, words);
    if (answer != "OK") throw std::runtime_error(words[1] + " " + words[2] + ": " + answer);
  }

  static std::string text_of(const redisReply& reply) {
    if (reply.type == REDIS_REPLY_INTEGER) return std::to_string(reply.integer);
    if (reply.type == REDIS_REPLY_NIL) return "(nil)";
    if (reply.type != REDIS_REPLY_ARRAY) {
      return (reply.type == REDIS_REPLY_ERROR ? "!" : "") + std::string(reply.str, reply.len);
    }
    std::string out;
    for (size_t i = 0; i < reply.elements; ++i) out += (i > 0 ? "\n" : "") + text_of(*reply.element[i]);
    return out;
  }

  const std::string node_timeout_;
  const std::filesystem::path directory_;
  std::array<Node, kNodes> nodes_;
};

}  // namespace gw::redis
