// The Post Office's messages over HTTP: endpoint, publish, send and ack under /api/post-office/websocket.
#pragma once

#include "post_office/authorized_post_office.h"
#include "post_office/http_api/api_request.h"

namespace gw::http_api {

class MessagesApi {
 public:
  // `calls` outlives it.
  explicit MessagesApi(AuthorizedPostOffice& calls) : calls_(calls) {}

  void endpoint(ApiRequest call);
  void publish(ApiRequest call);
  void send(ApiRequest call);
  void acknowledge(ApiRequest call);

 private:
  AuthorizedPostOffice& calls_;
};

}  // namespace gw::http_api
