// An entry of the inbox stream, as XRANGE, XREADGROUP and XCLAIM give it; lent for the time of a reply.
#pragma once

#include "engine/redis/resp.h"
#include "engine/redis/stream_id.h"

namespace gw::redis {

struct InboxEntry {
  explicit InboxEntry(const Reply& entry) : id_text(entry[0].text()) {
    id = StreamId::parse(id_text).value_or(StreamId{});
    const Reply fields = entry[1];
    for (size_t i = 0; i + 1 < fields.size(); i += 2) {
      if (fields[i].text() == "envelope") envelope = fields[i + 1].text();
      if (fields[i].text() == "tenant_id") tenant = fields[i + 1].text();
    }
  }

  std::string_view id_text;
  StreamId id;
  std::string_view envelope;  // empty: not what the gateway writes
  std::string_view tenant;
};

}  // namespace gw::redis
