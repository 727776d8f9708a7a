// Lists and sorted sets.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "sim/redis/command.h"

namespace gw::sim {
namespace {

Answer rpush(Call& call) {
  List& list = call.make<List>(call[1]);
  list.insert(list.end(), call.words.begin() + 2, call.words.end());
  return list.size();
}

Answer lpop(Call& call) {
  List* const list = call.find<List>(call[1]);
  if (!list) return {};
  Answer out(std::move(list->front()));
  list->pop_front();
  if (list->empty()) call.keys.remove(call[1], call.now);
  return out;
}

Answer llen(Call& call) {
  const List* const list = call.find<List>(call[1]);
  return list ? list->size() : size_t{0};
}

Answer lindex(Call& call) {
  const List* const list = call.find<List>(call[1]);
  int64_t at = call.integer(2);
  if (!list) return {};
  if (at < 0) at += static_cast<int64_t>(list->size());
  if (at < 0 || at >= static_cast<int64_t>(list->size())) return {};
  return (*list)[static_cast<size_t>(at)];
}

Answer lrange(Call& call) {
  const List* const list = call.find<List>(call[1]);
  int64_t first = call.integer(2), last = call.integer(3);
  if (!list) return Answers{};
  const auto size = static_cast<int64_t>(list->size());
  if (first < 0) first = std::max<int64_t>(first + size, 0);
  if (last < 0) last += size;
  Answers out;
  for (int64_t i = first; i <= std::min(last, size - 1); ++i) {
    out.emplace_back((*list)[static_cast<size_t>(i)]);
  }
  return out;
}

double score_of(const std::string& text, const char* error) {
  if (text == "-inf") return -std::numeric_limits<double>::infinity();
  if (text == "+inf" || text == "inf") return std::numeric_limits<double>::infinity();
  char* end = nullptr;
  const double score = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || std::isnan(score)) refuse(error);
  return score;
}

Answer zadd(Call& call) {
  if (call.size() % 2 != 0) refuse(kSyntax);
  std::vector<double> scores;
  for (size_t i = 2; i < call.size(); i += 2) {
    scores.push_back(score_of(call[i], "ERR value is not a valid float"));
  }
  SortedSet& set = call.make<SortedSet>(call[1]);
  int64_t added = 0;
  for (size_t i = 2; i < call.size(); i += 2) {
    added += !set.scores.contains(call[i + 1]);
    set.put(call[i + 1], scores[i / 2 - 1]);
  }
  return added;
}

Answer zrem(Call& call) {
  auto* const set = call.find<SortedSet>(call[1]);
  if (!set) return int64_t{0};
  int64_t removed = 0;
  for (size_t i = 2; i < call.size(); ++i) removed += set->remove(call[i]);
  if (set->scores.empty()) call.keys.remove(call[1], call.now);
  return removed;
}

Answer zcard(Call& call) {
  const auto* const set = call.find<SortedSet>(call[1]);
  return set ? set->scores.size() : size_t{0};
}

// Whole numbers, as all scores here are.
std::string score_text(double score) { return std::to_string(static_cast<int64_t>(score)); }

struct Bound {
  double score;
  bool excluded;

  explicit Bound(const std::string& text) : excluded(text.starts_with('(')) {
    score = score_of(excluded ? text.substr(1) : text, "ERR min or max is not a float");
  }
};

struct Limit {
  int64_t skip = 0, most = -1;

  explicit Limit(Call& call) {
    if (call.size() <= 4) return;
    if (call.size() != 7 || !call.is(4, "LIMIT")) refuse(kSyntax);
    skip = call.integer(5);
    most = call.integer(6);
  }
};

// ZRANGEBYSCORE key min max [LIMIT offset count]
Answer zrangebyscore(Call& call) {
  const Bound low(call[2]), high(call[3]);
  auto [skip, most] = Limit(call);
  Answers out;
  const auto* const set = call.find<SortedSet>(call[1]);
  if (!set || skip < 0) return out;
  for (const auto& [score, member] : set->order) {
    if (low.excluded ? score <= low.score : score < low.score) continue;
    if (high.excluded ? score >= high.score : score > high.score) break;
    if (skip-- > 0) continue;
    if (most >= 0 && static_cast<int64_t>(out.size()) >= most) break;
    out.emplace_back(member);
  }
  return out;
}

// ZRANGEBYLEX key min max [LIMIT offset count]; all scores are the same
Answer zrangebylex(Call& call) {
  const auto is_end = [](const std::string& text) { return text == "-" || text == "+"; };
  for (const size_t at : {size_t{2}, size_t{3}}) {
    const bool is_good = is_end(call[at]) || call[at].starts_with('[') || call[at].starts_with('(');
    if (!is_good) refuse("ERR min or max not valid string range item");
  }
  const std::string low = call[2], high = call[3];
  auto [skip, most] = Limit(call);
  Answers out;
  const auto* const set = call.find<SortedSet>(call[1]);
  if (!set || skip < 0 || low == "+" || high == "-") return out;
  for (const auto& [member, score] : set->scores) {
    if (low != "-" && (low[0] == '[' ? member < low.substr(1) : member <= low.substr(1))) continue;
    if (high != "+" && (high[0] == '[' ? member > high.substr(1) : member >= high.substr(1))) break;
    if (skip-- > 0) continue;
    if (most >= 0 && static_cast<int64_t>(out.size()) >= most) break;
    out.emplace_back(member);
  }
  return out;
}

Answer zscore(Call& call) {
  const auto* const set = call.find<SortedSet>(call[1]);
  if (!set) return {};
  const auto found = set->scores.find(call[2]);
  if (found == set->scores.end()) return {};
  return score_text(found->second);
}

// ZREVRANGE key start stop [WITHSCORES]
Answer zrevrange(Call& call) {
  int64_t first = call.integer(2), last = call.integer(3);
  if (call.size() > 5 || (call.size() == 5 && !call.is(4, "WITHSCORES"))) refuse(kSyntax);
  Answers out;
  const auto* const set = call.find<SortedSet>(call[1]);
  if (!set) return out;
  const auto size = static_cast<int64_t>(set->order.size());
  if (first < 0) first = std::max<int64_t>(first + size, 0);
  if (last < 0) last += size;
  int64_t at = 0;
  for (auto it = set->order.rbegin(); it != set->order.rend() && at <= last; ++it, ++at) {
    if (at < first) continue;
    out.emplace_back(it->second);
    if (call.size() == 5) out.emplace_back(score_text(it->first));
  }
  return out;
}

}  // namespace

std::span<const Command> list_commands() {
  static constexpr Command kCommands[] = {
      {"rpush", rpush, -3, true},
      {"lpop", lpop, 2, true},
      {"llen", llen, 2},
      {"lindex", lindex, 3},
      {"lrange", lrange, 4},
      {"zadd", zadd, -4, true},
      {"zrem", zrem, -3, true},
      {"zcard", zcard, 2},
      {"zrangebyscore", zrangebyscore, -4},
      {"zrangebylex", zrangebylex, -4},
      {"zscore", zscore, 3},
      {"zrevrange", zrevrange, -4},
  };
  return kCommands;
}

}  // namespace gw::sim
