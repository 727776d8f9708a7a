// A real redis-server whose calendar we set, asked the same as the model: every answer has to be the same.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/socket.h"
#include "sim/redis/answer_reader.h"
#include "sim/redis/server.h"

namespace gw::sim {

class RealRedis {
 public:
  explicit RealRedis(int64_t unix_ms);
  ~RealRedis();

  void set_time(int64_t unix_ms);
  // A new connection; answers its number.
  size_t connect();
  void send(size_t connection, const Words& words);
  // Waits for it. Throws when none comes.
  Answer read(size_t connection);

 private:
  struct Connection;
  struct Process;

  std::unique_ptr<Process> process_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

// Both, side by side.
class Comparison {
 public:
  explicit Comparison(int64_t unix_ms = 1'800'000'000'000);

  size_t connect();
  // Runs it in both. Empty, or what is different.
  std::string run(size_t connection, const Words& words);
  void advance(int64_t ms);
  // The keys, their values and ends, one by one. Empty, or what is different.
  std::string compare_data(size_t connection);
  const Answer& last() const { return last_; }
  int64_t now() const { return now_; }

 private:
  int64_t now_;
  Scripts scripts_;
  RedisServer model_;
  RealRedis real_;
  std::vector<std::shared_ptr<RedisClient>> clients_;
  Answer last_;  // the model's
};

// What Redis leaves open (the order of a set) or words of its own (where a script failed) made one.
Answer canonical(const Words& command, Answer answer);

}  // namespace gw::sim
