// A connection's record in Redis, a hash: each of its fields is a row of one table. Scripts take such a
// record as `count, field, value, ...` and read by name what they index.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/registry.h"
#include "engine/redis/resp.h"
#include "engine/redis/words.h"

namespace gw::redis {

class ConnectionRecords {
 public:
  // Both outlive it.
  ConnectionRecords(const ChannelTable& channels, const std::string& instance)
      : channels_(channels), instance_(instance) {}

  // `count, field, value, ...` of a connection on this instance.
  void append_fields(Words& words, const ConnectionRecord& record) const;
  // Of what may change while it lives.
  void append_changing_fields(Words& words, const ConnectionRecord& record) const;

  // What from_fields() needs, in its order.
  static std::span<const std::string_view> fields_read();
  // Empty: it has gone meanwhile, or it is not one that a gateway wrote.
  std::optional<ConnectionRecord> from_fields(const Reply& values) const;

 private:
  const ChannelTable& channels_;
  const std::string& instance_;
};

}  // namespace gw::redis
