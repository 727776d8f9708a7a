// The Post Office's lookups over HTTP: connections, counts, backpressure; and the same answers in the
// form of --test-endpoints.
#pragma once

#include <string>

#include "post_office/http_api/api_request.h"
#include "post_office/post_office.h"

namespace gw::http_api {

class LookupsApi {
 public:
  // `post_office` outlives it.
  LookupsApi(PostOffice& post_office, std::string instance_id)
      : post_office_(post_office), instance_id_(std::move(instance_id)) {}

  void connection(ApiRequest call);
  void channel_connections(ApiRequest call);
  void connection_count(ApiRequest call);
  void backpressure(ApiRequest call);

  // Without a key, for existing black-box suites: what is not found is a 200 as well.
  void test_connection(ApiRequest call);
  void test_channel_connections(ApiRequest call);
  void test_connection_count(ApiRequest call);

 private:
  http::Response connection_response(const ConnectionRecord& record) const;
  void answer_channel_connections(ApiRequest call, ChannelIndex channel, const std::string& name);

  PostOffice& post_office_;
  const std::string instance_id_;
};

}  // namespace gw::http_api
