#include "post_office/http_api/routes.h"

#include "post_office/http_api/body.h"
#include "post_office/http_api/origin_check.h"

namespace gw::http_api {

void Routes::add(std::string_view method, std::string_view pattern, Needs needs, Handler handler,
                 OnRefused on_refused) {
  main_.add(method, pattern, guarded(needs, std::move(handler), std::move(on_refused)));
}

void Routes::add_ops(std::string_view method, std::string_view pattern, Needs needs, const Handler& handler) {
  ops_.add(method, pattern, guarded(needs, handler, nullptr));
  add(method, pattern, needs, handler);
}

void Routes::handle(http::Request& request, http::Responder responder) const {
  (request.ops ? ops_ : main_).handle(request, std::move(responder));
}

// Where it comes from is looked at before the key: a page that guesses keys is no caller.
std::variant<const ApiKey*, http::Response> Routes::judge(http::Request& request, const Needs& needs) {
  const bool open =
      needs.who == Needs::Who::anyone || (needs.who == Needs::Who::key_holder_unless_ops && request.ops);
  if (open || needs.own_host) {
    if (auto refused = refuse_wrong_host(request)) return std::move(*refused);
  }
  const ApiKey* key = nullptr;
  if (!open) {
    if (auto refused = refuse_foreign_origin(request, allowed_origins_)) return std::move(*refused);
    if (needs.who == Needs::Who::reader || needs.who == Needs::Who::poster) return nullptr;
    auto verdict = access_.judge(request, needs.requirement);
    if (std::holds_alternative<http::Response>(verdict)) return verdict;
    key = std::get<const ApiKey*>(verdict);
  }
  if (needs.any_body) return key;
  if (auto refused = refuse_body(request)) return std::move(*refused);
  return key;
}

http::Router::Handler Routes::guarded(Needs needs, Handler handler, OnRefused on_refused) {
  return [this, needs, handler = std::move(handler), on_refused = std::move(on_refused)](
             http::Request& request, http::Responder responder) {
    auto verdict = judge(request, needs);
    if (auto* refused = std::get_if<http::Response>(&verdict)) {
      return responder.send(on_refused ? on_refused(std::move(*refused), request) : std::move(*refused));
    }
    const ApiKey* const key = std::get<const ApiKey*>(verdict);
    if (key) responder.bill(key);
    handler({request, std::move(responder), key});
  };
}

}  // namespace gw::http_api
