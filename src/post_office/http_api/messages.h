// The Post Office's door for messages: endpoint, publish, send and ack under /api/post-office/websocket.
#pragma once

#include "post_office/http_api/call.h"
#include "post_office/message_calls.h"

namespace gw::http_api {

class MessagesApi {
 public:
  // `calls` outlives it.
  explicit MessagesApi(MessageCalls& calls) : calls_(calls) {}

  void endpoint(Call call);
  void publish(Call call);
  void send(Call call);
  void acknowledge(Call call);

 private:
  MessageCalls& calls_;
};

}  // namespace gw::http_api
