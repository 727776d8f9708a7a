#include "post_office/http_api/client_posts.h"

#include <charconv>

#include "base/utf8.h"
#include "net/http/head.h"
#include "net/http/query.h"

namespace gw::http_api {
namespace {

using Kind = PostVerdict::Kind;

constexpr std::string_view kListType = "application/x-ndjson";

// In decimal and from 1 on; empty: it is none.
std::optional<uint64_t> read_number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

bool is_list(const http::Request& request) {
  const std::string_view type = request.field("Content-Type").value_or("");
  return equal_ignoring_case(trim_blanks(type.substr(0, type.find(';'))), kListType);
}

http::Response later(http::Response refusal) { return std::move(refusal).header("Retry-After", "1"); }

http::Response no_such_stream() {
  return refusal({Errc::not_found, "no stream has this send token; connect again"});
}

http::Response out_of_order(uint64_t next) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("success", false)
      .member("error", "seq: another one comes first")
      .member("code", "out_of_order")
      .member("next", next)
      .end_object();
  return http::Response::json(409, std::move(body));
}

void answer(http::Responder& responder, const PostVerdict& verdict) {
  switch (verdict.kind) {
    case Kind::taken:
      return succeed(responder, [&](json::Writer& writer) { writer.member("next", verdict.next); });
    case Kind::unknown: return responder.send(no_such_stream());
    case Kind::out_of_order: return responder.send(out_of_order(verdict.next));
    case Kind::over_rate:
      return responder.send(
          later(http::Response::error(429, "rate_limited", "this client is above its rate of messages")));
    case Kind::behind: return responder.send(refusal({Errc::unavailable, "the gateway is behind"}));
  }
}

}  // namespace

Result<ClientPost> ClientPosts::read(const http::Request& request) const {
  auto token = SendToken::parse(http::bearer_token(request.fields));
  if (!token)
    return Error{Errc::unauthenticated, "the send_token of the welcome is required (Authorization: Bearer)"};
  const auto query = http::Query::parse(request.query);
  if (!query) return query.error();
  const auto number = read_number(query->get("seq").value_or(""));
  if (!number)
    return Error{Errc::invalid_argument, "seq: 1 for the first POST of a connection, then one more each"};
  if (request.body.empty()) return Error{Errc::invalid_argument, "the body is empty"};
  if (!is_valid_utf8(request.body)) return Error{Errc::invalid_argument, "the body is not UTF-8"};
  return ClientPost{*std::move(token), *number, is_list(request), std::string(request.body)};
}

void ClientPosts::post(ApiRequest call) {
  if (call.request.body.size() > body_bytes_max_)
    return call.responder.send(
        http::Response::error(413, http::code_of(413), "larger than max-message-bytes"));
  Result<ClientPost> post = read(call.request);
  if (!post) return refuse(call.responder, post.error());
  // A proxy on this machine stands for everybody.
  const bool is_guess =
      post->token.instance != instance_id_ && !call.request.remote_address.is_this_machine();
  const IpAddress address = call.request.remote_address;
  if (is_guess && guesses_.wait(address, loop_.now()) > Duration::zero())
    return call.responder.send(later(http::Response::error(
        429, "too_many_failures", "too many wrong send tokens from this address; wait")));
  clients_.post(*std::move(post), [this, is_guess, address,
                                   responder = call.responder](const Result<PostVerdict>& verdict) mutable {
    const bool is_unknown =
        verdict ? verdict->kind == Kind::unknown : verdict.error().code == Errc::not_found;
    if (is_unknown && is_guess) guesses_.record_failure(address, loop_.now());
    if (is_unknown) return responder.send(no_such_stream());
    if (!verdict) return refuse(responder, verdict.error());
    answer(responder, *verdict);
  });
}

}  // namespace gw::http_api
