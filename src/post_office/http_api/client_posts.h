// POST /connection/send: what clients without a WebSocket say, for the instance that holds their streams.
// Control loop only.
#pragma once

#include <string>

#include "core/client_delivery.h"
#include "net/event_loop.h"
#include "post_office/failed_auth_throttle.h"
#include "post_office/http_api/api_request.h"

namespace gw::http_api {

inline constexpr std::string_view kPostPath = "/connection/send";

class ClientPosts {
 public:
  // Both outlive it.
  ClientPosts(EventLoop& loop, ClientDelivery& clients, std::string instance_id, size_t body_bytes_max)
      : loop_(loop),
        clients_(clients),
        instance_id_(std::move(instance_id)),
        body_bytes_max_(body_bytes_max) {}

  void post(ApiRequest call);

 private:
  Result<ClientPost> read(const http::Request& request) const;

  EventLoop& loop_;
  ClientDelivery& clients_;
  const std::string instance_id_;
  const size_t body_bytes_max_;
  FailedAuthThrottle guesses_;  // of streams on other instances, each of which costs a round trip
};

}  // namespace gw::http_api
