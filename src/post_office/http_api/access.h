// The one place that decides who may make a call: by the key shown in Authorization (RFC 6750).
#pragma once

#include <optional>
#include <variant>

#include "net/event_loop.h"
#include "post_office/failed_auth_throttle.h"
#include "post_office/http_api/api_request.h"

namespace gw::http_api {

// What a call needs of the key that is shown.
struct Requirement {
  std::optional<Scope> scope;     // absent: any key will do
  bool sees_all_tenants = false;  // a key bound to a tenant will not do
};

class Access {
 public:
  // Both outlive it.
  Access(const ApiKeys& keys, EventLoop& loop) : keys_(keys), loop_(loop) {}

  // The key, or what to answer: 401, 403 or 429.
  std::variant<const ApiKey*, http::Response> judge(const http::Request& request, const Requirement& needed);

  // The parts of it, for calls that take a session as well. Null: it is no key.
  const ApiKey* find(std::string_view shown) const { return keys_.find(shown); }
  // Nothing was shown; it was no session, where no key would do; it was neither, and may have been a guess.
  static http::Response refuse_stranger();
  static http::Response refuse_session();
  http::Response refuse_unknown(const IpAddress& address);

 private:
  http::Response refuse_wrong(const IpAddress& address, const char* detail);

  const ApiKeys& keys_;
  EventLoop& loop_;
  FailedAuthThrottle guesses_;
};

}  // namespace gw::http_api
