// Strings, and what concerns keys of every kind.
#include <algorithm>

#include "sim/redis/command.h"

namespace gw::sim {
namespace {

Answer get(Call& call) {
  const auto* const text = call.find<std::string>(call[1]);
  return text ? Answer(*text) : Answer();
}

// SET key value [NX|XX] [EX seconds|PX ms|PXAT ms|KEEPTTL]
Answer set(Call& call) {
  const Value* const old = call.keys.find(call[1], call.now);
  std::optional<int64_t> ends_at;
  for (size_t i = 3; i < call.size(); ++i) {
    if (call.is(i, "NX")) {
      if (old) return {};
    } else if (call.is(i, "XX")) {
      if (!old) return {};
    } else if (call.is(i, "KEEPTTL")) {
      if (old) ends_at = old->ends_at;
    } else if (i + 1 < call.size() && (call.is(i, "EX") || call.is(i, "PX") || call.is(i, "PXAT"))) {
      const int64_t amount = call.integer(i + 1);
      if (amount <= 0) refuse("ERR invalid expire time in 'set' command");
      ends_at = call.is(i, "EX") ? call.now + amount * 1000 : call.is(i, "PX") ? call.now + amount : amount;
      ++i;
    } else {
      refuse(kSyntax);
    }
  }
  call.keys.put(call[1], {call[2], ends_at});
  return Answer::status("OK");
}

Answer incr(Call& call) {
  std::string& text = call.make<std::string>(call[1]);
  const int64_t value = (text.empty() ? 0 : to_integer(text)) + 1;
  text = std::to_string(value);
  return value;
}

Answer del(Call& call) {
  int64_t removed = 0;
  for (size_t i = 1; i < call.size(); ++i) removed += call.keys.remove(call[i], call.now) ? 1 : 0;
  return removed;
}

Answer exists(Call& call) {
  int64_t found = 0;
  for (size_t i = 1; i < call.size(); ++i) found += call.keys.find(call[i], call.now) ? 1 : 0;
  return found;
}

Answer type(Call& call) {
  constexpr const char* kNames[] = {"string", "hash", "set", "list", "zset", "stream"};
  const Value* const value = call.keys.find(call[1], call.now);
  return Answer::status(value ? kNames[value->data.index()] : "none");
}

Answer expire_at(Call& call, int64_t ends_at) {
  Value* const value = call.keys.find_to_change(call[1], call.now);
  if (!value) return int64_t{0};
  if (call.size() > 3) {
    const std::optional<int64_t> old = value->ends_at;
    if (call.is(3, "NX") && old) return int64_t{0};
    if (call.is(3, "XX") && !old) return int64_t{0};
    if (call.is(3, "GT") && (!old || ends_at <= *old)) return int64_t{0};
    if (call.is(3, "LT") && old && ends_at >= *old) return int64_t{0};
  }
  value->ends_at = ends_at;
  if (ends_at <= call.now) call.keys.remove(call[1], call.now);
  return int64_t{1};
}

Answer expire(Call& call) { return expire_at(call, call.now + call.integer(2) * 1000); }
Answer pexpire(Call& call) { return expire_at(call, call.now + call.integer(2)); }
Answer pexpireat(Call& call) { return expire_at(call, call.integer(2)); }

int64_t left(Call& call, int64_t unit) {
  const Value* const value = call.keys.find(call[1], call.now);
  if (!value) return -2;
  if (!value->ends_at) return -1;
  return (*value->ends_at - call.now + unit / 2) / unit;
}

Answer pttl(Call& call) { return left(call, 1); }
Answer ttl(Call& call) { return left(call, 1000); }

Answer keys(Call& call) {
  if (call[1] != "*") refuse("ERR the model knows KEYS * alone");
  call.keys.expire(call.now);
  Answers out;
  for (const auto& [key, value] : call.keys.values()) out.emplace_back(key);
  return out;
}

Answer flushall(Call& call) {
  call.keys.clear();
  return Answer::status("OK");
}

}  // namespace

std::span<const Command> string_commands() {
  static constexpr Command kCommands[] = {
      {"get", get, 2},
      {"set", set, -3, true},
      {"incr", incr, 2, true},
      {"del", del, -2, true},
      {"exists", exists, -2},
      {"type", type, 2},
      {"expire", expire, -3, true},
      {"pexpire", pexpire, -3, true},
      {"pexpireat", pexpireat, -3, true},
      {"pttl", pttl, 2},
      {"ttl", ttl, 2},
      {"keys", keys, 2},
      {"flushall", flushall, -1, true},
  };
  return kCommands;
}

}  // namespace gw::sim
