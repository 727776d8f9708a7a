// A redis-server of the test program's own: on a Unix socket in a new directory, without persistence, ended
// with the program.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/time.h"
#include "engine/redis/url.h"
#include "net/socket.h"

namespace gw::redis {

inline std::filesystem::path make_test_directory() {
  std::string name = std::filesystem::temp_directory_path() / "gateway-redis-XXXXXX";
  if (!::mkdtemp(name.data())) throw std::runtime_error("no directory for redis-server");
  return name;
}

// Until all are chosen nobody gets the same twice.
inline std::vector<uint16_t> free_ports(size_t count) {
  std::vector<UniqueFd> taken;
  std::vector<uint16_t> ports;
  for (size_t i = 0; i < count; ++i) {
    taken.push_back(*listen_on(*SocketAddress::parse("127.0.0.1:0")));
    ports.push_back(local_address(taken.back().get())->port);
  }
  return ports;
}

class TestServer {
 public:
  // The one that tests share; each takes a key prefix of its own.
  static TestServer& shared() {
    static TestServer server;
    return server;
  }

  // Throws when it cannot be started: a test without its server has failed. `port`: it listens there as well.
  explicit TestServer(uint16_t port = 0)
      : directory_(make_test_directory()), socket_path_(directory_ / "redis"), port_(std::to_string(port)) {
    try {
      begin();
    } catch (...) {
      end();
      throw;
    }
  }
  ~TestServer() { end(); }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  Url url() const {
    Url url;
    url.socket_path = socket_path_;
    return url;
  }
  // It is there and says nothing more.
  void stop() const { ::kill(pid_, SIGSTOP); }
  void go_on() const { ::kill(pid_, SIGCONT); }
  // It is killed, and comes back with what it saved last (SAVE).
  void restart() {
    kill();
    begin();
  }

 private:
  [[noreturn]] static void run(const char* port, const char* socket_path, const char* directory) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", port, "--unixsocket",
             socket_path, "--save", "", "--appendonly", "no", "--dir", directory, "--logfile", "log",
             nullptr);
    ::_exit(127);
  }

  void begin() {
    pid_ = ::fork();
    if (pid_ == 0) run(port_.c_str(), socket_path_.c_str(), directory_.c_str());
    wait_until_up();
  }

  void kill() const {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  void end() const {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  void wait_until_up() {
    const TimePoint deadline = steady_now() + 20s;
    while (!accepts()) {
      int status = 0;
      if (::waitpid(pid_, &status, WNOHANG) == pid_) {
        pid_ = -1;
        const bool missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
        throw std::runtime_error(missing ? "these tests need redis-server (package redis-server) in PATH"
                                         : "redis-server ended at once");
      }
      if (steady_now() > deadline) throw std::runtime_error("redis-server did not come up within 20 s");
      ::poll(nullptr, 0, 5);
    }
  }

  bool accepts() const {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_path_.c_str(),
                std::min(socket_path_.native().size(), sizeof(address.sun_path) - 1));
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }

  const std::filesystem::path directory_;
  const std::filesystem::path socket_path_;
  const std::string port_;
  pid_t pid_ = -1;
};

// Several, each of which is a partition.
class TestServers {
 public:
  static TestServers& shared() {
    static TestServers servers;
    return servers;
  }
  TestServer& operator[](size_t index) { return servers_[index]; }
  std::vector<Url> urls() const {
    std::vector<Url> urls;
    for (const TestServer& server : servers_) urls.push_back(server.url());
    return urls;
  }

 private:
  std::array<TestServer, 3> servers_;
};

}  // namespace gw::redis
