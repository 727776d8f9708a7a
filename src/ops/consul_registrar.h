// Keeps this instance registered in Consul for as long as it lives, and knows who else is. It asks once a
// second whether Consul still holds what it was told; so a Consul that was away, has forgotten, or was told
// otherwise is set right within seconds. Nothing waits for Consul: traffic goes on without it. Control loop
// only.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "net/http/client.h"
#include "ops/consul_service.h"

namespace gw::consul {

struct RegistrarOptions {
  http::ClientOptions client;
  std::string token;         // never logged; empty: none
  bool discover = true;      // keep the list of instances
  bool any_instance = true;  // whether endpoint() may name another than this one
  CheckOptions check;
  Duration ask_every = 1s;
  Duration retry_after = 250ms;  // a failure
  Duration leave_wait = 1s;      // at most, for the deregistration
};

struct RegistrarStats {
  bool registered = false;  // as far as is known: Consul said so a moment ago
  uint64_t errors_total = 0;
};

class Registrar {
 public:
  // `is_ready` says whether this instance takes clients; it registers when that is so for the first time.
  Registrar(EventLoop& loop, RegistrarOptions options, std::function<bool()> is_ready);

  void start(Service service);
  // Deregisters. `done` runs once, within leave_wait, whatever Consul does.
  void leave(std::function<void()> done);

  // The address of a healthy instance, without the /ws; each time another one. Empty: Consul does not answer,
  // or knows none.
  std::optional<std::string> endpoint() const;
  RegistrarStats stats() const { return {standing_ == Standing::held, errors_total_}; }

 private:
  using Response = http::ClientResponse;

  //   untold --> registering --> held <--> lost
  //                   ^           |         |
  //                   +-----------+---------+    forgotten, changed, or not there after all
  //
  // What Consul holds of us, as far as is known. An instance that was killed may find itself held already.
  enum class Standing : uint8_t {
    untold,       // it has never been told of us
    registering,  // that is on its way; even without an answer it may have been done
    held,         // it said so a moment ago
    lost,         // it was told, and what it holds now is not known
  };

  void move_to(Standing next);
  void again_in(Duration delay);
  void ask();
  void on_known(Result<Response> response);
  void register_service(std::string_view reason);
  void discover();
  void on_instances(Result<Response> response);
  void deregister();
  void finish_leaving(std::string_view failure);
  void succeed(std::string_view how);
  void fail(const Error& error);
  // Sends, and passes the answer on unless leave() has been called meanwhile.
  void send(http::ClientRequest request, void (Registrar::*then)(Result<Response>));
  Error refusal(const Response& response) const;
  std::string path(std::string_view before) const;

  EventLoop& loop_;
  const RegistrarOptions options_;
  const std::function<bool()> is_ready_;
  Service service_;
  Standing standing_ = Standing::untold;
  bool critical_ = false;  // its check fails, as it said last
  uint64_t errors_total_ = 0;
  std::set<std::string> reasons_;  // logged since the last success
  std::vector<Instance> instances_;
  std::function<void()> left_;  // of leave()
  bool leaving_ = false;
  EventLoop::Registration timer_;
  EventLoop::Registration leave_deadline_;
  http::Client client_;  // last: goes first, and with it every callback
};

}  // namespace gw::consul
