#include "post_office/http_api/lookups.h"

#include "post_office/authorized_post_office.h"
#include "post_office/http_api/lists.h"
#include "post_office/http_api/records.h"

namespace gw::http_api {
namespace {

// Who asks without a key sees everything: such routes exist on loopback only.
std::string_view tenant_of(const ApiRequest& call) {
  return call.key ? std::string_view(call.key->tenant_id) : std::string_view();
}

void show(http::Responder& responder, const Lookups& lookups, const ConnectionRecord& record) {
  succeed(responder, [&](json::Writer& body) {
    body.key("connection").begin_object();
    append_connection(body, record, lookups.post_office.channels(), lookups.instance_id);
    body.end_object();
  });
}

void show_connections(const Lookups& lookups, ApiRequest call, ChannelIndex channel) {
  lookups.post_office.connections(
      ByChannel{channel}, tenant_of(call),
      [name = lookups.post_office.channels().name(channel),
       responder = call.responder](Result<std::vector<ConnectionRecord>> found) mutable {
        if (!found) return refuse(responder, found.error());
        succeed(responder, [&](json::Writer& body) {
          body.member("channel", name);
          append_connection_ids(body, *found);
        });
      });
}

void connection(const Lookups& lookups, ApiRequest call) {
  const Result<std::string> id = path_parameter(call.request, "id");
  if (!id) return refuse(call.responder, id.error());
  lookups.post_office.connection(
      *id, tenant_of(call), [&lookups, responder = call.responder](Result<ConnectionRecord> found) mutable {
        if (!found) return refuse(responder, found.error());
        show(responder, lookups, *found);
      });
}

void list_connections(const Lookups& lookups, ApiRequest call) {
  const Result<ConnectionFilter> filter = read_connection_filter(call, lookups.post_office.channels());
  if (!filter) return refuse(call.responder, filter.error());
  lookups.post_office.list(
      *filter, [&lookups, responder = call.responder](Result<ConnectionPage> page) mutable {
        if (!page) return refuse(responder, page.error());
        succeed(responder, [&](json::Writer& body) {
          body.key("connections").begin_array();
          for (const ConnectionRecord& record : page->records) {
            body.begin_object();
            append_connection(body, record, lookups.post_office.channels(), lookups.instance_id);
            body.end_object();
          }
          body.end_array();
          append_after(body, page->after);
        });
      });
}

void channel_connections(const Lookups& lookups, ApiRequest call) {
  const Result<std::string> name = path_parameter(call.request, "channel");
  if (!name) return refuse(call.responder, name.error());
  const auto channel = granted_channel(*call.key, lookups.post_office.channels(), *name);
  if (!channel) return refuse(call.responder, channel.error());
  show_connections(lookups, std::move(call), *channel);
}

void channel_presence(const Lookups& lookups, ApiRequest call) {
  const Result<std::string> name = path_parameter(call.request, "channel");
  if (!name) return refuse(call.responder, name.error());
  const ChannelTable& channels = lookups.post_office.channels();
  const auto channel = granted_channel(*call.key, channels, *name);
  if (!channel) return refuse(call.responder, channel.error());
  QueryFields fields(call.request.query);
  const std::string wanted = fields.optional_name("tenant_id").value_or("");
  if (fields.fault()) return refuse(call.responder, *fields.fault());
  const Result<std::string> tenant = call.key->tenant_for(wanted);
  if (!tenant) return refuse(call.responder, tenant.error());
  lookups.post_office.presence(
      *channel, *tenant,
      [name = channels.name(*channel), responder = call.responder](const Result<PresenceList>& list) mutable {
        if (!list) return refuse(responder, list.error());
        succeed(responder, [&](json::Writer& body) {
          body.member("channel", name).key("users").begin_array();
          for (const std::string& user : list->users) body.value(user);
          body.end_array().member("whole", list->is_whole).member("revision", list->revision);
        });
      });
}

void connection_count(const Lookups& lookups, ApiRequest call) {
  lookups.post_office.count(tenant_of(call), true,
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

void backpressure(const Lookups& lookups, ApiRequest call) {
  const ChannelTable& channels = lookups.post_office.channels();
  succeed(call.responder, [&](json::Writer& body) {
    body.key("channels").begin_object();
    for (size_t i = 0; i < channels.size(); ++i) {
      const auto channel = static_cast<ChannelIndex>(i);
      if (!call.key->check_channel(channel)) continue;
      const ChannelStats stats = lookups.post_office.channel_stats(channel, tenant_of(call));
      body.key(channels.name(channel))
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
    body.end_object();
  });
}

void test_connection(const Lookups& lookups, ApiRequest call) {
  const Result<std::string> id = path_parameter(call.request, "id");
  if (!id) return refuse(call.responder, id.error());
  lookups.post_office.connection(
      *id, tenant_of(call),
      [&lookups, id = *id, responder = call.responder](Result<ConnectionRecord> found) mutable {
        if (found) return show(responder, lookups, *found);
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

void test_channel_connections(const Lookups& lookups, ApiRequest call) {
  const Result<std::string> name = path_parameter(call.request, "channel");
  if (!name) return refuse(call.responder, name.error());
  const std::optional<ChannelIndex> channel = lookups.post_office.channels().find(*name);
  if (!channel) return refuse(call.responder, {Errc::not_found, "no such channel"});
  show_connections(lookups, std::move(call), *channel);
}

void test_connection_count(const Lookups& lookups, ApiRequest call) {
  lookups.post_office.count(tenant_of(call), true,
                            [responder = call.responder](Result<ConnectionCounts> counts) mutable {
                              if (!counts) return refuse(responder, counts.error());
                              succeed(responder, [&](json::Writer& body) {
                                body.key("stats").begin_object();
                                append_counts(body, *counts);
                                body.end_object();
                              });
                            });
}

auto with(const Lookups& lookups) {
  return [&lookups](auto verb) -> Handler {
    return [&lookups, verb](ApiRequest call) { verb(lookups, std::move(call)); };
  };
}

}  // namespace

void add_lookup_routes(Routes& routes, const Lookups& lookups) {
  const auto to = with(lookups);
  const Needs registry = scope(Scope::registry);
  routes.add("GET", "/api/post-office/websocket/connections", registry, to(list_connections));
  routes.add("GET", "/api/post-office/websocket/connections/{id}", registry, to(connection));
  routes.add("GET", "/api/post-office/websocket/channels/{channel}/connections", registry,
             to(channel_connections));
  routes.add("GET", "/api/post-office/websocket/channels/{channel}/presence", registry, to(channel_presence));
  routes.add("GET", "/api/post-office/websocket/connection-count", registry, to(connection_count));
  routes.add("GET", "/api/post-office/websocket/backpressure", registry, to(backpressure));
}

void add_test_routes(Routes& routes, const Lookups& lookups) {
  const auto to = with(lookups);
  routes.add("GET", "/api/test/websocket-gateway/connection/{id}", nothing(), to(test_connection));
  routes.add("GET", "/api/test/websocket-gateway/channel/{channel}/connections", nothing(),
             to(test_channel_connections));
  routes.add("GET", "/api/test/websocket-gateway/connection-count", nothing(), to(test_connection_count));
}

}  // namespace gw::http_api
