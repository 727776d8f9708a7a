// Agents with a Redis client of their own: one that subscribes, or a worker of the group `agents`, as
// docs/PROTOCOL.md tells them to.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "sim/journal.h"
#include "sim/network.h"
#include "sim/redis/answer_reader.h"

namespace gw::sim {

class RedisAgent : public std::enable_shared_from_this<RedisAgent> {
 public:
  struct Options {
    std::string name;
    std::string channel;
    bool works = false;  // in the group, else it subscribes
  };
  using FindRedis = std::function<RedisHost*()>;

  RedisAgent(World& world, Network& network, Journal& journal, FindRedis find, Options options)
      : world_(world),
        network_(network),
        journal_(journal),
        find_(std::move(find)),
        options_(std::move(options)) {}

  void start();
  void leave();
  const std::shared_ptr<Line>& line() const { return line_; }

 private:
  void connect();
  void connect_later();
  void on_bytes(const std::string& bytes);
  void on_answer(const Answer& answer);
  void on_entries(const Answer& entries);
  void send(const Words& words);
  void ask();
  AgentDiary& diary() { return journal_.agents[options_.name]; }
  std::string stream() const { return "websocket:inbox:" + options_.channel; }

  World& world_;
  Network& network_;
  Journal& journal_;
  const FindRedis find_;
  const Options options_;
  std::shared_ptr<Line> line_;
  std::unique_ptr<AnswerReader> reader_;
  uint64_t attempt_ = 0;
  bool left_ = false;
};

}  // namespace gw::sim
