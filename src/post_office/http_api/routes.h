// The routes of the service API: what each asks of its caller is checked in one place, before its handler
// runs.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/http/router.h"
#include "post_office/http_api/access.h"
#include "post_office/http_api/api_request.h"

namespace gw::http_api {

// What a route asks of its caller.
struct Needs {
  enum class Who : uint8_t {
    anyone,
    key_holder,
    key_holder_unless_ops,
    reader,  // of a run, with a session or a key: its handler looks
    poster,  // with a token of his stream: the same
  };
  Who who = Who::anyone;
  Requirement requirement = {};
  bool own_host = false;  // with a key as well: it has to come under a name of this machine
  bool any_body = false;  // its handler looks at it; else it is JSON
};
inline Needs nothing() { return {}; }
inline Needs run_reader() { return {Needs::Who::reader}; }
inline Needs poster() { return {.who = Needs::Who::poster, .any_body = true}; }
inline Needs any_key() { return {Needs::Who::key_holder}; }
inline Needs scope(Scope scope) { return {Needs::Who::key_holder, {scope}}; }
inline Needs stream_writer() {
  return {.who = Needs::Who::key_holder, .requirement = {Scope::runs}, .any_body = true};
}
// Of a key that is bound to no tenant: the answer is about all of them.
inline Needs scope_of_all(Scope scope) { return {Needs::Who::key_holder, {scope, true}}; }
inline Needs ops_or(Scope scope) { return {Needs::Who::key_holder_unless_ops, {scope, true}}; }

class Routes {
 public:
  // What becomes of a refusal where a caller expects another form; it may look at the request.
  using OnRefused = std::function<http::Response(http::Response, const http::Request&)>;

  // All outlive it.
  Routes(const ApiKeys& keys, EventLoop& loop, const std::vector<std::string>& allowed_origins)
      : access_(keys, loop), allowed_origins_(allowed_origins) {}

  // On the main addresses. `pattern` is a literal, as Router takes it.
  void add(std::string_view method, std::string_view pattern, Needs needs, Handler handler,
           OnRefused on_refused = nullptr);
  // On the ops listeners too, which serve nothing else.
  void add_ops(std::string_view method, std::string_view pattern, Needs needs, const Handler& handler);

  void handle(http::Request& request, http::Responder responder) const;
  Access& access() { return access_; }
  const std::vector<http::Router::Route>& all() const { return main_.routes(); }

 private:
  // Who may call it, null for nobody in particular; or what to answer.
  std::variant<const ApiKey*, http::Response> judge(http::Request& request, const Needs& needs);
  http::Router::Handler guarded(Needs needs, Handler handler, OnRefused on_refused);

  Access access_;
  const std::vector<std::string>& allowed_origins_;  // of pages that may show a key
  http::Router main_;
  http::Router ops_;
};

}  // namespace gw::http_api
