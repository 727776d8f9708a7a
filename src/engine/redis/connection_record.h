// A connection's record in Redis, a hash: each of its fields is a row of one table. Scripts get the values in
// the table's order and read them by name, through functions that are made from the table.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/registry.h"
#include "engine/redis/resp.h"
#include "engine/redis/words.h"

namespace gw::redis {

class ConnectionRecords {
 public:
  // Both outlive it.
  ConnectionRecords(const ChannelTable& channels, const std::string& instance)
      : channels_(channels), instance_(instance) {}

  // The values of a connection on this instance, as fields_at() in Lua reads them.
  void append_fields(Words& words, const ConnectionRecord& record) const;
  // Of what may change while it lives: changes_at().
  void append_changes(Words& words, const ConnectionRecord& record) const;
  // For scripts: fields_at(at) and changes_at(at) give the values from ARGV[at] on by name, store(key, at)
  // and store_changes(key, at) write them; field_count and change_count say how many they are.
  static std::string lua();
  static std::vector<std::string_view> fields();
  static std::vector<std::string_view> changing_fields();

  // What from_fields() needs, in its order.
  static std::span<const std::string_view> fields_read();
  // Empty: it has gone meanwhile, or it is not one that a gateway wrote.
  std::optional<ConnectionRecord> from_fields(const Reply& values) const;

 private:
  const ChannelTable& channels_;
  const std::string& instance_;
};

}  // namespace gw::redis
