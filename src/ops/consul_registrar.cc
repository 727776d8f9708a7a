#include "ops/consul_registrar.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "base/random.h"

namespace gw::consul {
namespace {

constexpr size_t kReasonBytesMax = 200;
constexpr size_t kReasonsMax = 16;

http::ClientOptions with_token(http::ClientOptions options, const std::string& token) {
  if (!token.empty()) options.extra_head += "X-Consul-Token: " + token + "\r\n";
  return options;
}

// One printable line of what Consul, or something in its place, says.
std::string printable(std::string_view text) {
  std::string out(text.substr(0, kReasonBytesMax));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, ' ');
  return out;
}

}  // namespace

Registrar::Registrar(EventLoop& loop, RegistrarOptions options, std::function<bool()> is_ready)
    : loop_(loop),
      options_(std::move(options)),
      is_ready_(std::move(is_ready)),
      client_(loop, with_token(options_.client, options_.token)) {}

void Registrar::start(Service service) {
  service_ = std::move(service);
  ask();
}

void Registrar::again_in(Duration delay) {
  timer_ = loop_.after(delay, [this] { ask(); });
}

void Registrar::ask() {
  if (standing_ == Standing::untold && !is_ready_()) return again_in(options_.retry_after);
  send({"GET", path("/v1/agent/health/service/id/"), ""}, &Registrar::on_known);
}

void Registrar::on_known(Result<Response> response) {
  if (!response) return fail(response.error());
  if (response->status == 404) return register_service(standing_ == Standing::untold ? "new" : "forgotten");
  const Result<Known> known = parse_known(response->body);
  // The status is the check's: 429 and 503 come with the service as well.
  if (!known) return fail(response->status == 200 ? known.error() : refusal(*response));
  if (known->service != service_ || !known->checked) return register_service("changed");
  if (std::exchange(critical_, known->critical) != known->critical && known->critical) {
    log::warn("consul_check_failing", {{"address", service_.address}, {"port", service_.port}});
  }
  succeed("known");
  discover();
}

void Registrar::register_service(std::string_view reason) {
  move_to(Standing::registering);
  std::string body = registration_json(service_, options_.check, is_ready_());
  client_.send({"PUT", "/v1/agent/service/register?replace-existing-checks=true", std::move(body)},
               [this, reason](Result<Response> response) {
                 move_to(Standing::lost);
                 if (leaving_) return deregister();
                 if (!response) return fail(response.error());
                 if (response->status != 200) return fail(refusal(*response));
                 succeed(reason);
                 discover();
               });
}

void Registrar::discover() {
  if (!options_.discover) return again_in(options_.ask_every);
  const std::string target = "/v1/health/service/" + service_.name + "?passing=true";
  send({"GET", target, ""}, &Registrar::on_instances);
}

void Registrar::on_instances(Result<Response> response) {
  if (!response) return fail(response.error());
  if (response->status != 200) return fail(refusal(*response));
  Result<std::vector<Instance>> instances = parse_instances(response->body);
  if (!instances) return fail(instances.error());
  instances_ = std::move(*instances);
  reasons_.clear();
  again_in(options_.ask_every);
}

std::optional<std::string> Registrar::endpoint() const {
  const auto usable = [this](const Instance& i) { return options_.any_instance || i.id == service_.id; };
  const auto count = static_cast<size_t>(std::count_if(instances_.begin(), instances_.end(), usable));
  if (count == 0) return std::nullopt;
  size_t chosen = fast_random() % count;
  for (const Instance& instance : instances_) {
    if (usable(instance) && chosen-- == 0) return instance.url;
  }
  return std::nullopt;
}

void Registrar::leave(std::function<void()> done) {
  leaving_ = true;
  left_ = std::move(done);
  timer_.reset();
  instances_.clear();
  if (standing_ == Standing::untold) return finish_leaving("");
  leave_deadline_ = loop_.after(options_.leave_wait, [this] { finish_leaving("Consul does not answer"); });
  // A registration on its way must not come after.
  if (standing_ != Standing::registering) deregister();
}

void Registrar::deregister() {
  client_.send({"PUT", path("/v1/agent/service/deregister/"), ""}, [this](Result<Response> response) {
    const bool gone = response && (response->status == 200 || response->status == 404);
    if (gone) move_to(Standing::lost);
    finish_leaving(gone ? "" : response ? refusal(*response).detail : response.error().detail);
  });
}

void Registrar::finish_leaving(std::string_view failure) {
  const std::function<void()> left = std::exchange(left_, nullptr);
  if (!left) return;
  leave_deadline_.reset();
  if (!failure.empty()) {
    ++errors_total_;
    log::warn("consul_deregistration_failed", {{"reason", failure}});
  } else if (standing_ != Standing::untold) {
    log::info("consul_deregistered", {{"service", service_.name}, {"id", service_.id}});
  }
  left();
}

void Registrar::move_to(Standing next) {
  // One registration at a time, and nobody who was told of us is made to forget that.
  ASSERT(next != Standing::untold);
  ASSERT(standing_ != Standing::registering || next == Standing::lost);
  standing_ = next;
}

void Registrar::succeed(std::string_view how) {
  if (standing_ == Standing::held) return;
  move_to(Standing::held);
  log::info("consul_registered", {{"service", service_.name},
                                  {"id", service_.id},
                                  {"address", service_.address},
                                  {"port", service_.port},
                                  {"reason", how}});
}

void Registrar::fail(const Error& error) {
  ++errors_total_;
  if (standing_ == Standing::held) move_to(Standing::lost);
  instances_.clear();
  if (reasons_.size() >= kReasonsMax) reasons_.clear();
  if (reasons_.insert(error.detail).second) {
    const bool unreachable = error.code == Errc::unavailable || error.code == Errc::timeout;
    log::warn(unreachable ? "consul_unreachable" : "consul_refused",
              {{"consul", options_.client.server.text()}, {"reason", error.detail}});
  }
  again_in(options_.retry_after);
}

void Registrar::send(http::ClientRequest request, void (Registrar::*then)(Result<Response>)) {
  client_.send(std::move(request), [this, then](Result<Response> response) {
    if (!leaving_) (this->*then)(std::move(response));
  });
}

Error Registrar::refusal(const Response& response) const {
  const bool tells_token = !options_.token.empty() && response.body.find(options_.token) != std::string::npos;
  return {response.status == 403 ? Errc::permission_denied : Errc::protocol_error,
          "status " + std::to_string(response.status) + (tells_token ? "" : ": " + printable(response.body))};
}

// An instance's id may hold characters that a path cannot.
std::string Registrar::path(std::string_view before) const {
  std::string out(before);
  for (const char c : service_.id) out += c == '+' ? std::string("%2B") : std::string(1, c);
  return out;
}

}  // namespace gw::consul
