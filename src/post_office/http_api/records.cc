#include "post_office/http_api/records.h"

namespace gw::http_api {
namespace {

// Nobody's is null, not "".
std::optional<std::string_view> or_null(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace

void append_session(json::Writer& writer, const Session& session, WallTime now) {
  append_session_head(writer, session, now);
  writer.key("context").raw(session.context_json);
}

void append_session_head(json::Writer& writer, const Session& session, WallTime now) {
  writer.member("session_ref", session.ref.view())
      .member("user_id", session.user_id.view())
      .member("tenant_id", or_null(session.tenant_id))
      .member("session_type", session.type)
      .member("status", to_string(session.status_at(now)))
      .member("created_at", iso8601(session.created_at))
      .member("expires_at", iso8601(session.expires_at));
}

void append_connection_ids(json::Writer& writer, const std::vector<ConnectionRecord>& records) {
  writer.key("connections").begin_array();
  for (const ConnectionRecord& record : records) writer.value(record.id.text());
  writer.end_array();
}

void append_connection(json::Writer& writer, const ConnectionRecord& record, const ChannelTable& channels,
                       std::string_view instance_id) {
  const std::string connected_at = iso8601(record.connected_at);
  const std::string_view ref = record.session ? std::string_view(record.session->ref) : std::string_view();
  writer.member("connection_id", record.id.text())
      .member("session_ref", or_null(ref))
      .member("user_id", or_null(record.user_id()))
      .member("channel", channels.name(record.channel))
      .member("connected_at", connected_at)
      .member("last_activity", iso8601(record.last_activity))
      .member("last_heartbeat", iso8601(record.last_heartbeat))
      .member("gateway_instance_id", record.gateway.empty() ? instance_id : std::string_view(record.gateway))
      .key("metadata")
      .begin_object()
      .member("user_id", or_null(record.user_id()))
      .member("tenant_id", or_null(record.tenant_id()))
      .member("connected_at", connected_at)
      .end_object();
}

void append_counts(json::Writer& writer, const ConnectionCounts& counts) {
  const auto append_map = [&](std::string_view name, const std::map<std::string, size_t>& map) {
    writer.key(name).begin_object();
    for (const auto& [key, count] : map) writer.member(key, count);
    writer.end_object();
  };
  writer.member("global", counts.global);
  append_map("per_user", counts.per_user);
  append_map("by_channel", counts.by_channel);
  append_map("by_gateway", counts.by_gateway);
}

}  // namespace gw::http_api
