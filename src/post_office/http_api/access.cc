#include "post_office/http_api/access.h"

#include <cmath>

#include "net/http/head.h"

namespace gw::http_api {
namespace {

constexpr std::string_view kChallenge = R"(Bearer realm="websocket-gateway")";
constexpr std::string_view kInvalidToken = R"(Bearer realm="websocket-gateway", error="invalid_token")";

http::Response unauthenticated(const char* detail, std::string_view challenge) {
  return refusal({Errc::unauthenticated, detail}).header("WWW-Authenticate", challenge);
}

Result<void> check(const ApiKey& key, const Requirement& needed) {
  if (needed.scope) {
    if (Result<void> granted = key.check_scope(*needed.scope); !granted) return granted;
  }
  if (needed.sees_all_tenants && !key.tenant_id.empty()) {
    return Error{Errc::permission_denied,
                 "this key is bound to a tenant, and the answer is about all of them"};
  }
  return {};
}

http::Response too_many_guesses(Duration wait) {
  const auto seconds = std::ceil(std::chrono::duration<double>(wait).count());
  return http::Response::error(429, "too_many_failures", "too many wrong keys from this address; wait")
      .header("Retry-After", std::to_string(static_cast<int64_t>(seconds)));
}

}  // namespace

std::variant<const ApiKey*, http::Response> Access::judge(const http::Request& request,
                                                          const Requirement& needed) {
  const std::string_view shown = http::bearer_token(request.fields);
  if (shown.empty()) {
    return unauthenticated("an API key is required (Authorization: Bearer <key>)", kChallenge);
  }
  const ApiKey* key = keys_.find(shown);
  if (!key) return refuse_wrong(request.remote_address, "the API key is not known");
  if (const Result<void> granted = check(*key, needed); !granted) return refusal(granted.error());
  return key;
}

// A right key is never kept waiting: many may come from an address where somebody guesses.
http::Response Access::refuse_wrong(const IpAddress& address, const char* detail) {
  const TimePoint now = loop_.now();
  const Duration wait = guesses_.wait(address, now);
  if (wait > Duration::zero()) return too_many_guesses(wait);
  guesses_.record_failure(address, now);
  return unauthenticated(detail, kInvalidToken);
}

http::Response Access::refuse_session() {
  return unauthenticated("the session is not active", kInvalidToken);
}

http::Response Access::refuse_stranger() {
  return unauthenticated("a session token or an API key is required", kChallenge);
}

http::Response Access::refuse_unknown(const IpAddress& address) {
  return refuse_wrong(address, "neither an active session nor an API key");
}

}  // namespace gw::http_api
