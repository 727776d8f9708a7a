// The Redis behind the gateway, asked directly. bench/run reads along there (MONITOR): a mark tells it where
// one part of a scenario ends and the next begins.
#pragma once

#include <netinet/in.h>

#include <string>
#include <string_view>

#include "load/loop.h"

namespace gw::bench {

class RedisClient {
 public:
  explicit RedisClient(const sockaddr_in& redis);
  ~RedisClient();
  RedisClient(const RedisClient&) = delete;
  RedisClient& operator=(const RedisClient&) = delete;

  const sockaddr_in& address() const { return address_; }
  // What the gateway does from here on belongs to `phase`; empty: to none.
  void mark(std::string_view phase);
  // Clients that are closed are taken out a moment later: returns when the registry holds none.
  void wait_registry_empty(Loop& loop);
  // Bytes that it has allocated.
  int64_t used_memory();

 private:
  // An inline command, and its reply: a status, an integer or a bulk string.
  std::string ask(const std::string& command);
  std::string read_line();

  sockaddr_in address_;
  int fd_;
  std::string unread_;
};

}  // namespace gw::bench
