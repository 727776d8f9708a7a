// A request as a handler sees it, and what it answers.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_field.h"
#include "base/ip.h"

namespace gw::http {

struct PathParameter {
  std::string_view name;   // of the route's pattern
  std::string_view value;  // as written, still percent-encoded
};

// Views into the server's buffers: valid while the handler runs. Who answers later copies what it needs.
struct Request {
  std::string_view method;
  std::string_view target;  // path and query
  std::string_view path;    // still percent-encoded, begins with '/'
  std::string_view query;   // after the '?', still percent-encoded
  std::span<const HttpField> fields;
  std::string_view body;  // unchunked
  bool ops = false;       // it came in on an ops listener

  // After trusted proxies have been believed.
  IpAddress remote_address;
  std::string_view scheme;  // http or https
  std::string_view host;    // with the port as sent
  // The two ends of the connection itself.
  SocketAddress peer;
  SocketAddress local;

  // Filled by the Router.
  std::vector<PathParameter> parameters;

  std::optional<std::string_view> field(std::string_view name) const;
  std::string_view parameter(std::string_view name) const;  // one of the pattern's; a wrong name aborts
};

// What a status is called on the wire, and the code of an error that has no better one.
std::string_view reason_of(int status);
std::string_view code_of(int status);

struct Response {
  int status = 200;
  std::string_view content_type = "application/json";  // must be static text; empty: no body
  std::string body;
  // Answers hold what one key may see: no cache keeps them.
  std::string_view cache_control = "no-store";  // must be static text
  std::string extra_head;                       // complete lines; use header()

  static Response json(int status, std::string body);
  // {"success":false,"error":message,"code":code}; both are our own plain text without anything to escape.
  static Response error(int status, std::string_view code, std::string_view message);

  // Values are ours or checked: CR or LF in one is a bug and aborts.
  Response& header(std::string_view name, std::string_view value) &;
  Response&& header(std::string_view name, std::string_view value) &&;
};

}  // namespace gw::http
