// HTTP/1.1 towards other services, for a question now and then: each on a connection of its own, which is
// closed after the answer. An answer is one Result, in time and of bounded size. Control loop only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "net/event_loop.h"
#include "net/stream.h"

namespace gw::http {

struct ClientOptions {
  HostPort server;
  TlsOptions tls;
  std::string extra_head;     // complete lines for every request: credentials
  Duration timeout = 1500ms;  // from the request to the last byte of its answer
  size_t body_bytes_max = size_t{1} << 20;
  size_t pending_max = 64;  // unanswered requests; above it resource_exhausted
};

struct ClientRequest {
  std::string_view method = "GET";
  std::string target;  // path and query; ours, without anything to encode
  std::string body;    // JSON; empty: none
};

struct ClientResponse {
  int status = 0;
  std::string body;
};

class Client {
  struct Exchange;

 public:
  using Done = std::function<void(Result<ClientResponse>)>;

  Client(EventLoop& loop, ClientOptions options);
  // What is unanswered is given up, and its `done` never called.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // `done` runs once, in a later turn, with any status that the server gave. Errors: unavailable (no
  // connection, or it broke), timeout, too_large, protocol_error (no HTTP), resource_exhausted.
  void send(ClientRequest request, Done done);
  size_t pending() const { return exchanges_.size(); }

 private:
  void connect(const std::shared_ptr<Exchange>& exchange);
  void write(const std::shared_ptr<Exchange>& exchange);
  void read(const std::shared_ptr<Exchange>& exchange);
  void receive(const std::shared_ptr<Exchange>& exchange, Result<size_t> bytes);
  void finish(const std::shared_ptr<Exchange>& exchange, Result<ClientResponse> result);

  EventLoop& loop_;
  const ClientOptions options_;
  std::vector<std::shared_ptr<Exchange>> exchanges_;
};

}  // namespace gw::http
