// The Post Office's door for messages: endpoint, publish, send and ack under /api/post-office/websocket.
#pragma once

#include <string>

#include "post_office/http_api/call.h"
#include "post_office/post_office.h"

namespace gw::http_api {

class MessagesApi {
 public:
  // `post_office` outlives it. `public_url` is how clients reach us, without the /ws; empty: as the caller
  // did.
  MessagesApi(PostOffice& post_office, std::string public_url)
      : post_office_(post_office), public_url_(std::move(public_url)) {}

  void endpoint(Call call);
  void publish(Call call);
  void send(Call call);
  void acknowledge(Call call);

 private:
  std::string websocket_url(const http::Request& request, std::string_view session_token) const;

  PostOffice& post_office_;
  const std::string public_url_;
};

// The configured channel of that name if the key grants it: invalid_argument, not_found or permission_denied.
Result<ChannelIndex> granted_channel(const ApiKey& key, const ChannelTable& channels, std::string_view name);

}  // namespace gw::http_api
