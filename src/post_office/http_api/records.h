// What answers show of sessions and connections, in one place for HTTP and MCP. Members of an object that the
// caller has begun.
#pragma once

#include <string_view>
#include <vector>

#include "core/registry.h"
#include "core/session.h"
#include "json/json.h"

namespace gw::http_api {

void append_session(json::Writer& writer, const Session& session, WallTime now);
// All but its context, which may be large.
void append_session_head(json::Writer& writer, const Session& session, WallTime now);

// "connections":["ws_…",…]
void append_connection_ids(json::Writer& writer, const std::vector<ConnectionRecord>& records);

// The fields of the registry's hash (docs/PROTOCOL.md), metadata as an object.
void append_connection(json::Writer& writer, const ConnectionRecord& record, const ChannelTable& channels,
                       std::string_view instance_id);

// "global", "per_user", "by_channel", "by_gateway"
void append_counts(json::Writer& writer, const ConnectionCounts& counts);

}  // namespace gw::http_api
