// A server on a loop that the test turns itself, and clients over real loopback sockets.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/event_loop.h"
#include "net/http/server.h"
#include "net/socket.h"
#include "net/socket_testing.h"

namespace gw::http {

struct ReceivedResponse {
  int status = 0;
  std::string head;
  std::string body;

  bool has(std::string_view line) const { return head.find(std::string(line) + "\r\n") != std::string::npos; }
};

class ServerTest : public ::testing::Test {
 protected:
  // The client's side of one connection. Goes before the loop does.
  class Client {
   public:
    Client(ServerTest& test, const SocketAddress& address, int receive_buffer)
        : test_(test), fd_(connect_to(address, receive_buffer)) {}

    void send(std::string_view bytes) {
      while (!bytes.empty()) {
        const IoResult result = write_some(fd_.get(), bytes);
        ASSERT_NE(result.status, IoResult::Status::failed);
        bytes.remove_prefix(result.bytes);
        if (result.bytes == 0) test_.loop.turn(1ms);
      }
    }

    void end() { ::shutdown(fd_.get(), SHUT_WR); }
    void reset() { fd_.reset(); }
    int fd() const { return fd_.get(); }

    void receive() {
      std::array<char, 65536> buffer;
      while (fd_ && !ended_) {
        const IoResult result = read_some(fd_.get(), buffer);
        if (result.status == IoResult::Status::again) return;
        ended_ = result.status != IoResult::Status::ok;
        text_.append(buffer.data(), result.bytes);
      }
    }

    const std::string& text() const { return text_; }
    bool ended() const { return ended_; }

    // The next response with a Content-Length, waiting for it. `no_body`: it answers a HEAD.
    ReceivedResponse response(bool no_body = false) {
      ReceivedResponse response;
      const bool complete = test_.turn_until([&] {
        receive();
        return take(response, no_body) || ended_;
      });
      EXPECT_TRUE(complete);
      EXPECT_NE(response.status, 0) << "ended after: " << text_;
      return response;
    }

    bool wait_for_text(std::string_view wanted) {
      return test_.turn_until([&] {
        receive();
        return text_.find(wanted) != std::string::npos;
      });
    }
    bool wait_for_end() {
      return test_.turn_until([&] {
        receive();
        return ended_;
      });
    }

   private:
    bool take(ReceivedResponse& response, bool no_body) {
      const size_t end = text_.find("\r\n\r\n");
      if (end == std::string::npos) return false;
      const std::string head = text_.substr(0, end + 2);
      const size_t length_at = head.find("Content-Length: ");
      const size_t length =
          length_at == std::string::npos || no_body ? 0 : std::stoul(head.substr(length_at + 16));
      if (text_.size() < end + 4 + length) return false;
      response = {std::stoi(head.substr(9, 3)), head, text_.substr(end + 4, length)};
      text_.erase(0, end + 4 + length);
      return true;
    }

    ServerTest& test_;
    UniqueFd fd_;
    std::string text_;  // received and not yet taken
    bool ended_ = false;
  };

  ServerTest() : listener_(*listen_on(*SocketAddress::parse("127.0.0.1:0"))) {}

  // Answers "<method> <target> <body>"; what is asked under /later waits in `waiting`.
  void start(Server::Handler handler = {}) {
    if (!handler) {
      handler = [this](Request& request, Responder responder) {
        std::string text = std::string(request.method) + " " + std::string(request.target);
        if (!request.body.empty()) text.append(" ").append(request.body);
        if (!request.path.starts_with("/later")) return responder.send(Response::json(200, std::move(text)));
        waiting.push_back(responder);
      };
    }
    server = std::make_unique<Server>(loop, options, std::move(handler));
  }

  // As a shard would hand it over, `bytes` read already.
  Client connect(std::string_view bytes = {}, int receive_buffer = 0) {
    Client client(*this, *local_address(listener_.get()), receive_buffer);
    wait_readable(listener_.get());
    Accepted accepted = std::move(**accept_from(listener_.get()));
    const SocketAddress local = *local_address(accepted.fd.get());
    server->adopt({std::move(accepted.fd), std::string(bytes), accepted.peer, local});
    return client;
  }

  // As if it came from there.
  Client connect_from(std::string_view peer, std::string_view bytes = {}, int receive_buffer = 0) {
    Client client(*this, *local_address(listener_.get()), receive_buffer);
    wait_readable(listener_.get());
    Accepted accepted = std::move(**accept_from(listener_.get()));
    const SocketAddress local = *local_address(accepted.fd.get());
    server->adopt({std::move(accepted.fd), std::string(bytes), *SocketAddress::parse(peer), local});
    return client;
  }

  template <class Condition>
  bool turn_until(const Condition& done) {
    const TimePoint deadline = steady_now() + 30s;
    while (!done()) {
      if (steady_now() > deadline) return false;
      loop.turn(5ms);
    }
    return true;
  }

  EventLoop loop;
  ServerOptions options;
  std::vector<Responder> waiting;
  std::unique_ptr<Server> server;

 private:
  UniqueFd listener_;
};

inline std::string get(std::string_view target, std::string_view fields = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

inline std::string post(std::string_view target, std::string_view body) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

}  // namespace gw::http
