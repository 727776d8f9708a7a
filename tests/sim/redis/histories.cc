#include "sim/redis/histories.h"

#include <algorithm>

#include "sim/redis/real_redis.h"

namespace gw::sim {
namespace {

using Ids = std::vector<std::string>;

std::string key(Random& random, const char* kind) {
  // Now and then one of another kind.
  static constexpr const char* kKinds[] = {"string", "hash", "set", "list", "zset", "stream"};
  const std::string name = random.one_in(40) ? kKinds[random.below(6)] : kind;
  return name + std::to_string(random.below(3));
}

std::string member(Random& random) { return "m" + std::to_string(random.below(6)); }
std::string number(Random& random, int64_t first, int64_t last) {
  return std::to_string(random.between(first, last));
}
std::string group(Random& random) { return random.one_of({"agents", "g1", "t/g2"}); }
std::string consumer(Random& random) { return random.one_of({"gw-1", "gw-2"}); }

std::string id(Random& random, const Ids& ids) {
  if (ids.empty() || random.one_in(20)) return number(random, 0, 9) + "-" + number(random, 0, 3);
  return ids[ids.size() - 1 - random.below(std::min<size_t>(ids.size(), 12))];
}

std::string range_end(Random& random, const Ids& ids, const char* open) {
  if (random.one_in(2)) return open;
  return (random.one_in(3) ? "(" : "") + id(random, ids);
}

Words string_command(Random& random) {
  const std::string name = key(random, "string");
  switch (random.below(9)) {
    case 0: return {"SET", name, number(random, 0, 99)};
    case 1: return {"SET", name, "text", random.one_of({"NX", "XX", "KEEPTTL"})};
    case 2: return {"SET", name, number(random, 0, 99), random.one_of({"EX", "PX"}), number(random, 0, 5000)};
    case 3: return {"SET", name, "1", "XX", "PX", number(random, 1, 900)};
    case 4: return {"INCR", name};
    case 5: return {"DEL", name, key(random, "hash"), key(random, "set")};
    default: return {"GET", name};
  }
}

Words key_command(Random& random, int64_t now) {
  static constexpr const char* kKinds[] = {"string", "hash", "set", "list", "zset", "stream"};
  const std::string name = key(random, kKinds[random.below(6)]);
  switch (random.below(8)) {
    case 0: return {"EXPIRE", name, number(random, 0, 3)};
    case 1: return {"PEXPIRE", name, number(random, 1, 3000), random.one_of({"NX", "XX", "GT", "LT"})};
    case 2: return {"PEXPIREAT", name, std::to_string(now + random.between(-10, 3000))};
    case 3: return {"EXISTS", name, key(random, "zset")};
    case 4: return {"TYPE", name};
    case 5: return {"TTL", name};
    default: return {"PTTL", name};
  }
}

Words hash_command(Random& random) {
  const std::string name = key(random, "hash");
  switch (random.below(9)) {
    case 0: return {"HSET", name, member(random), number(random, 0, 9)};
    case 1: return {"HSET", name, member(random), "a", member(random), "b"};
    case 2: return {"HGET", name, member(random)};
    case 3: return {"HMGET", name, member(random), member(random)};
    case 4: return {"HDEL", name, member(random), member(random)};
    case 5: return {"HINCRBY", name, member(random), number(random, -5, 5)};
    case 6: return {"HLEN", name};
    case 7: return {"HEXISTS", name, member(random)};
    default: return {"HGETALL", name};
  }
}

Words set_command(Random& random) {
  const std::string name = key(random, "set");
  switch (random.below(8)) {
    case 0: return {"SADD", name, member(random), member(random)};
    case 1: return {"SREM", name, member(random), member(random)};
    case 2: return {"SCARD", name};
    case 3: return {"SISMEMBER", name, member(random)};
    case 4: return {"SRANDMEMBER", name, "100"};
    case 5: return {"SINTERCARD", "2", name, key(random, "set")};
    case 6: return {"SSCAN", name, "0", "COUNT", "1000"};
    default: return {"SMEMBERS", name};
  }
}

Words list_command(Random& random) {
  const std::string list = key(random, "list"), zset = key(random, "zset");
  const std::string lex = key(random, "lex");  // all scores are 0
  switch (random.below(14)) {
    case 0: return {"RPUSH", list, member(random), member(random)};
    case 1: return {"LPOP", list};
    case 2: return {"LINDEX", list, number(random, -3, 3)};
    case 3: return {"LLEN", list};
    case 4: return {"LRANGE", list, number(random, -3, 3), number(random, -3, 3)};
    case 5: return {"ZADD", zset, number(random, 0, 20), member(random)};
    case 6: return {"ZREM", zset, member(random)};
    case 7: return {"ZCARD", zset};
    case 8: return {"ZSCORE", zset, member(random)};
    case 9: return {"ZADD", lex, "0", member(random), "0", member(random)};
    case 10: return {"ZREM", lex, member(random)};
    case 11:
      return {"ZRANGEBYLEX",
              lex,
              random.one_of({"-", "(m1", "[m2", "+"}),
              random.one_of({"+", "(m4", "[m5", "m"}),
              "LIMIT",
              number(random, 0, 2),
              number(random, -1, 4)};
    case 12: return {"ZREVRANGE", zset, number(random, -3, 3), number(random, -3, 3), "WITHSCORES"};
    default:
      return {"ZRANGEBYSCORE",       zset,    random.one_of({"-inf", "(3", "5"}),
              number(random, 0, 20), "LIMIT", number(random, 0, 2),
              number(random, -1, 4)};
  }
}

Words stream_command(Random& random, const Ids& ids) {
  const std::string name = key(random, "stream");
  switch (random.below(10)) {
    case 0: return {"XLEN", name};
    case 1:
      return {"XRANGE",
              name,
              range_end(random, ids, "-"),
              range_end(random, ids, "+"),
              "COUNT",
              number(random, 0, 5)};
    case 2: return {"XREVRANGE", name, range_end(random, ids, "+"), range_end(random, ids, "-")};
    case 3: return {"XDEL", name, id(random, ids), id(random, ids)};
    case 4: return {"XTRIM", name, "MINID", id(random, ids)};
    case 5: return {"XADD", name, "MAXLEN", "=", number(random, 2, 9), "*", "envelope", member(random)};
    case 6: return {"XADD", name, id(random, ids), "envelope", member(random)};
    case 7: return {"XINFO", "STREAM", name};
    default: return {"XADD", name, "*", "envelope", member(random), "tenant_id", random.one_of({"", "t"})};
  }
}

Words group_command(Random& random, const Ids& ids) {
  const std::string name = key(random, "stream");
  const std::string idle = std::to_string(random.one_of({0, 1, 500, 30'000}));
  switch (random.below(13)) {
    case 0: return {"XGROUP", "CREATE", name, group(random), random.one_of({"0", "$"}), "MKSTREAM"};
    case 1: return {"XGROUP", "CREATE", name, group(random), id(random, ids)};
    case 2: return {"XGROUP", "CREATECONSUMER", name, group(random), consumer(random)};
    case 3:
      return random.one_in(4) ? Words{"XGROUP", "DESTROY", name, group(random)}
                              : Words{"XINFO", "GROUPS", name};
    case 4: return {"XACK", name, group(random), id(random, ids), id(random, ids), id(random, ids)};
    case 5: return {"XPENDING", name, group(random)};
    case 6: return {"XPENDING", name, group(random), "IDLE", idle, "-", "+", number(random, 1, 5)};
    case 7: {
      Words claim{"XCLAIM", name, group(random), consumer(random), idle, id(random, ids), id(random, ids)};
      if (random.one_in(2)) claim.emplace_back("JUSTID");
      return claim;
    }
    case 8:
      return {"XAUTOCLAIM", name, group(random), consumer(random), idle, "0", "COUNT", number(random, 1, 3)};
    case 9: return {"XINFO", "CONSUMERS", name, group(random)};
    case 10: return {"XREADGROUP", "GROUP", group(random), consumer(random), "STREAMS", name, "0"};
    default:
      return {"XREADGROUP",     "GROUP", group(random),
              consumer(random), "COUNT", number(random, 1, 4),
              "STREAMS",        name,    ">"};
  }
}

// Every way of a value into Lua and out of it.
Words script_command(Random& random) {
  static constexpr const char* kScripts[] = {
      "return {1, 2.9, 'text', true, false, 3}",
      "return {1, nil, 3}",
      "return redis.call('GET', ARGV[1])",
      "return redis.call('SET', ARGV[1], 10000000000000000)",
      "return redis.pcall('HGET', ARGV[1], 'a')",
      "return redis.error_reply('ERR own')",
      "return redis.status_reply('FINE')",
      "return {redis.call('SISMEMBER', ARGV[2], 'm1'), redis.pcall('INCR', ARGV[2])['err'] or 'none'}",
      "return cjson.encode({name = ARGV[1]})",
      "return cjson.decode('{\"a\":[1,\"x\",null]}')['a'][2]",
      "return tostring(redis.call('PTTL', ARGV[1]) > 100) .. #KEYS",
      "return redis.call('ZADD', ARGV[1], 1, 'x')",
      "return redis.call('SUBSCRIBE', 'x')",
      "return redis.call('GET')",
      "return undefined_name",
      "undefined_name = 1",
      "return redis.call('PUBLISH', 'news', ARGV[1])",
      "return {redis.call('XLEN', ARGV[3]), redis.pcall('XINFO', 'GROUPS', 'nothing').err}",
  };
  return {"EVAL",
          kScripts[random.below(std::size(kScripts))],
          "0",
          key(random, "string"),
          key(random, "set"),
          key(random, "stream")};
}

Words server_command(Random& random) {
  switch (random.below(6)) {
    case 4: return {"TIME"};
    case 0: return {"PUBSUB", "NUMSUB", "news", "other"};
    case 1: return {"PING", "word"};
    case 2: return {"WAIT", "0", "10"};
    case 3: return {"SELECT", random.one_of({"0", "99"})};
    default: return {"PUBLISH", random.one_of({"news", "other"}), member(random)};
  }
}

// --- What may differ ---

std::string leaf(const Answer& answer) { return answer.shown(); }

void sort_items(Answer& answer) {
  std::sort(answer.items.begin(), answer.items.end(),
            [](const Answer& a, const Answer& b) { return leaf(a) < leaf(b); });
}

void sort_pairs(Answer& answer) {
  Answers pairs;
  for (size_t i = 0; i + 1 < answer.items.size(); i += 2) {
    pairs.push_back(Answers{answer.items[i], answer.items[i + 1]});
  }
  answer = pairs;
  sort_items(answer);
}

// What XINFO says beside what the scripts read.
void drop_details(Answer& answer) {
  if (answer.items.empty()) return;
  if (answer.items[0].kind == Answer::Kind::array) {
    for (Answer& item : answer.items) drop_details(item);
    return;
  }
  static constexpr const char* kDetails[] = {"radix-tree-keys", "radix-tree-nodes", "entries-read", "lag",
                                             "inactive"};
  Answers kept;
  for (size_t i = 0; i + 1 < answer.items.size(); i += 2) {
    if (std::find(std::begin(kDetails), std::end(kDetails), answer.items[i].text) != std::end(kDetails))
      continue;
    kept.push_back(answer.items[i]);
    kept.push_back(answer.items[i + 1]);
  }
  answer.items = std::move(kept);
}

void add_leaves(const Answer& answer, Answers& out) {
  if (answer.kind != Answer::Kind::array) return out.push_back(answer);
  for (const Answer& item : answer.items) add_leaves(item, out);
}

}  // namespace

Words random_command(Random& random, const Ids& ids, int64_t now) {
  switch (random.below(11)) {
    case 0: return string_command(random);
    case 1: return key_command(random, now);
    case 2: return hash_command(random);
    case 3: return set_command(random);
    case 4: return list_command(random);
    case 5: return script_command(random);
    case 6: return server_command(random);
    case 7:
    case 8: return stream_command(random, ids);
    default: return group_command(random, ids);
  }
}

Answer canonical(const Words& command, Answer answer) {
  const std::string& name = command.front();
  if (answer.is_error()) {
    // Where in a script it was.
    answer.text.erase(std::min(answer.text.find(" script: "), answer.text.size()));
  } else if (name == "SMEMBERS" || name == "SRANDMEMBER" || name == "KEYS") {
    sort_items(answer);
  } else if (name == "HGETALL") {
    sort_pairs(answer);
  } else if (name == "SSCAN") {
    sort_items(answer.items.at(1));
  } else if (name == "XINFO") {
    drop_details(answer);
  } else if (name == "EVALSHA" && answer.kind == Answer::Kind::array) {
    Answers leaves;
    add_leaves(answer, leaves);
    answer = leaves;
    sort_items(answer);
  }
  return answer;
}

}  // namespace gw::sim
