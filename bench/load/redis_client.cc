#include "load/redis_client.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

#include "load/net.h"

namespace gw::bench {

RedisClient::RedisClient(const sockaddr_in& redis) : address_(redis), fd_(connect_blocking(redis)) {}

RedisClient::~RedisClient() { ::close(fd_); }

void RedisClient::mark(std::string_view phase) { ask("ECHO phase:" + std::string(phase)); }

void RedisClient::wait_registry_empty(Loop& loop) {
  // Every connection of the generator's is on this channel from the start.
  loop.wait_until("registry empty",
                  [this] { return ask("SCARD websocket:channel:guide:connections") == ":0"; });
}

int64_t RedisClient::used_memory() {
  constexpr std::string_view kKey = "used_memory:";
  send_all(fd_, "INFO memory\r\n");
  int64_t used = 0;
  // A bulk string of lines, and an empty one behind its last.
  for (std::string line = read_line(); !line.empty(); line = read_line()) {
    if (line.starts_with(kKey)) used = std::stoll(line.substr(kKey.size()));
  }
  return used;
}

std::string RedisClient::ask(const std::string& command) {
  send_all(fd_, command + "\r\n");
  std::string reply = read_line();
  if (reply.starts_with('-')) throw std::runtime_error("Redis: " + reply);
  return reply.starts_with('$') ? read_line() : reply;
}

std::string RedisClient::read_line() {
  for (;;) {
    const size_t end = unread_.find("\r\n");
    if (end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 2);
      return line;
    }
    std::array<char, 512> bytes{};
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (n <= 0) throw std::runtime_error("Redis has gone");
    unread_.append(bytes.data(), static_cast<size_t>(n));
  }
}

}  // namespace gw::bench
