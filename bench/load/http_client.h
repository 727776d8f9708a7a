// One keep-alive HTTP/1.1 connection for pipelined requests with bodies of known length.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "load/loop.h"

namespace gw::bench {

// A request with its length; `key` becomes the bearer token unless empty.
std::string http_request(std::string_view method, std::string_view resource, std::string_view key,
                         std::string_view body);

// The length of the response's head up to and with the empty line, 0 while it is unfinished.
size_t http_head_length(std::string_view bytes);
// The value of a header in a response's head, any case; empty when absent.
std::string http_header(std::string_view head, std::string_view name);

class HttpClient final : public Loop::Handler {
 public:
  using OnResponse = std::function<void(int status, std::string_view body)>;

  // Connects before it returns.
  HttpClient(Loop& loop, const sockaddr_in& server, OnResponse on_response);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Any number of requests, written together.
  void send(std::string_view requests);

  void on_ready(uint32_t events) override;

 private:
  void write();
  void read();
  bool take_response();

  Loop& loop_;
  OnResponse on_response_;
  int fd_;
  uint32_t events_ = EPOLLIN;
  std::string unsent_;
  std::string unread_;
};

}  // namespace gw::bench
