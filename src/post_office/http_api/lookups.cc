#include "post_office/http_api/lookups.h"

#include "json/json.h"
#include "post_office/authorized_post_office.h"
#include "post_office/http_api/records.h"

namespace gw::http_api {
namespace {

// Who asks without a key sees everything: such routes exist on loopback only.
std::string_view tenant_of(const ApiRequest& call) {
  return call.key ? std::string_view(call.key->tenant_id) : std::string_view();
}

}  // namespace

http::Response LookupsApi::connection_response(const ConnectionRecord& record) const {
  std::string body;
  json::Writer writer(body);
  writer.begin_object().member("success", true).key("connection").begin_object();
  append_connection(writer, record, post_office_.channels(), instance_id_);
  writer.end_object().end_object();
  return http::Response::json(200, std::move(body));
}

void LookupsApi::connection(ApiRequest call) {
  const Result<std::string> id = path_parameter(call.request, "id");
  if (!id) return refuse(call.responder, id.error());
  post_office_.connection(*id, tenant_of(call),
                          [this, responder = call.responder](Result<ConnectionRecord> found) mutable {
                            if (!found) return refuse(responder, found.error());
                            responder.send(connection_response(*found));
                          });
}

void LookupsApi::channel_connections(ApiRequest call) {
  const Result<std::string> name = path_parameter(call.request, "channel");
  if (!name) return refuse(call.responder, name.error());
  const Result<ChannelIndex> channel = granted_channel(*call.key, post_office_.channels(), *name);
  if (!channel) return refuse(call.responder, channel.error());
  answer_channel_connections(std::move(call), *channel, *name);
}

void LookupsApi::answer_channel_connections(ApiRequest call, ChannelIndex channel, const std::string& name) {
  post_office_.connections(
      ByChannel{channel}, tenant_of(call),
      [name, responder = call.responder](Result<std::vector<ConnectionRecord>> found) mutable {
        if (!found) return refuse(responder, found.error());
        std::string body;
        json::Writer writer(body);
        writer.begin_object().member("success", true).member("channel", name);
        append_connection_ids(writer, *found);
        writer.end_object();
        responder.send(http::Response::json(200, std::move(body)));
      });
}

void LookupsApi::connection_count(ApiRequest call) {
  post_office_.count(tenant_of(call), true,
                     [responder = call.responder](Result<ConnectionCounts> counts) mutable {
                       if (!counts) return refuse(responder, counts.error());
                       std::string body;
                       json::Writer writer(body);
                       writer.begin_object();
                       append_counts(writer, *counts);
                       writer.end_object();
                       responder.send(http::Response::json(200, std::move(body)));
                     });
}

void LookupsApi::backpressure(ApiRequest call) {
  const ChannelTable& channels = post_office_.channels();
  std::string body;
  json::Writer writer(body);
  writer.begin_object().member("success", true).key("channels").begin_object();
  for (size_t i = 0; i < channels.size(); ++i) {
    const auto channel = static_cast<ChannelIndex>(i);
    if (!call.key->check_channel(channel)) continue;
    const ChannelStats stats = post_office_.channel_stats(channel, tenant_of(call));
    writer.key(channels.name(channel))
        .begin_object()
        .member("queue_size", stats.queue_size)
        .member("queue_bytes", stats.queue_bytes)
        .member("queue_max", stats.queue_max)
        .member("circuit_state", stats.circuit_state)
        .member("failure_count", stats.failure_count)
        .member("agents", stats.agents)
        .member("unacknowledged", stats.unacknowledged)
        .end_object();
  }
  writer.end_object().end_object();
  call.responder.send(http::Response::json(200, std::move(body)));
}

void LookupsApi::test_connection(ApiRequest call) {
  const Result<std::string> id = path_parameter(call.request, "id");
  if (!id) return refuse(call.responder, id.error());
  post_office_.connection(
      *id, tenant_of(call),
      [this, id = *id, responder = call.responder](Result<ConnectionRecord> found) mutable {
        if (found) return responder.send(connection_response(*found));
        if (found.error().code != Errc::not_found) return refuse(responder, found.error());
        std::string body;
        json::Writer(body)
            .begin_object()
            .member("success", false)
            .member("error", "Connection not found")
            .member("connection_id", id)
            .end_object();
        responder.send(http::Response::json(200, std::move(body)));
      });
}

void LookupsApi::test_channel_connections(ApiRequest call) {
  const Result<std::string> name = path_parameter(call.request, "channel");
  if (!name) return refuse(call.responder, name.error());
  const std::optional<ChannelIndex> channel = post_office_.channels().find(*name);
  if (!channel) return refuse(call.responder, {Errc::not_found, "no such channel"});
  answer_channel_connections(std::move(call), *channel, *name);
}

void LookupsApi::test_connection_count(ApiRequest call) {
  post_office_.count(tenant_of(call), true,
                     [responder = call.responder](Result<ConnectionCounts> counts) mutable {
                       if (!counts) return refuse(responder, counts.error());
                       std::string body;
                       json::Writer writer(body);
                       writer.begin_object().member("success", true).key("stats").begin_object();
                       append_counts(writer, *counts);
                       writer.end_object().end_object();
                       responder.send(http::Response::json(200, std::move(body)));
                     });
}

}  // namespace gw::http_api
