#include "sim/redis/command.h"

namespace gw::sim {
namespace {

Answer hset(Call& call) {
  if (call.size() % 2 != 0) refuse("ERR wrong number of arguments for 'hset' command");
  Hash& hash = call.make<Hash>(call[1]);
  int64_t added = 0;
  for (size_t i = 2; i < call.size(); i += 2) added += hash.insert_or_assign(call[i], call[i + 1]).second;
  return added;
}

Answer hget(Call& call) {
  const Hash* const hash = call.find<Hash>(call[1]);
  const auto it = hash ? hash->find(call[2]) : Hash::const_iterator();
  return hash && it != hash->end() ? Answer(it->second) : Answer();
}

Answer hmget(Call& call) {
  const Hash* const hash = call.find<Hash>(call[1]);
  Answers out;
  for (size_t i = 2; i < call.size(); ++i) {
    const auto it = hash ? hash->find(call[i]) : Hash::const_iterator();
    out.push_back(hash && it != hash->end() ? Answer(it->second) : Answer());
  }
  return out;
}

Answer hgetall(Call& call) {
  Answers out;
  if (const Hash* const hash = call.find<Hash>(call[1])) {
    for (const auto& [field, value] : *hash) {
      out.emplace_back(field);
      out.emplace_back(value);
    }
  }
  return out;
}

Answer hdel(Call& call) {
  Hash* const hash = call.find<Hash>(call[1]);
  if (!hash) return int64_t{0};
  int64_t removed = 0;
  for (size_t i = 2; i < call.size(); ++i) removed += static_cast<int64_t>(hash->erase(call[i]));
  if (hash->empty()) call.keys.remove(call[1], call.now);
  return removed;
}

Answer hincrby(Call& call) {
  const int64_t by = call.integer(3);
  std::string& text = call.make<Hash>(call[1])[call[2]];
  const int64_t value = text.empty() ? 0 : to_integer(text, "ERR hash value is not an integer");
  text = std::to_string(value + by);
  return value + by;
}

Answer hlen(Call& call) {
  const Hash* const hash = call.find<Hash>(call[1]);
  return hash ? hash->size() : size_t{0};
}

Answer hexists(Call& call) {
  const Hash* const hash = call.find<Hash>(call[1]);
  return hash ? hash->count(call[2]) : size_t{0};
}

}  // namespace

std::span<const Command> hash_commands() {
  static constexpr Command kCommands[] = {
      {"hset", hset, -4, true}, {"hget", hget, 3},        {"hmget", hmget, -3},
      {"hgetall", hgetall, 2},  {"hdel", hdel, -3, true}, {"hincrby", hincrby, 4, true},
      {"hlen", hlen, 2},        {"hexists", hexists, 3},
  };
  return kCommands;
}

}  // namespace gw::sim
