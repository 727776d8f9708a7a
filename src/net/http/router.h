// Method and path to handler. Literal segments are compared as written; {name} takes one segment, not empty.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "net/http/server.h"

namespace gw::http {

class Router {
 public:
  using Handler = std::function<void(Request&, Responder)>;

  // `pattern` is "/a/{b}/c" and lives as long as the router (a literal). The same method and pattern twice is
  // a bug.
  void add(std::string_view method, std::string_view pattern, Handler handler);
  // Fills request.parameters and calls the handler; 404 or 405 (with Allow) when there is none. HEAD is
  // served by GET: the server leaves the body out.
  void handle(Request& request, Responder responder) const;

  struct Route {
    std::string_view method;
    std::string_view pattern;
  };
  // All of them, in the order added: what the API's description is checked against.
  const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Path {
    std::string_view pattern;
    std::vector<std::string_view> segments;
    std::vector<std::pair<std::string_view, Handler>> handlers;
  };
  const Path* find(std::string_view path, std::vector<PathParameter>& parameters) const;

  std::vector<Route> routes_;
  std::vector<Path> paths_;
  std::unordered_map<std::string_view, size_t> literal_paths_;  // those without parameters
};

}  // namespace gw::http
