#include <algorithm>

#include "sim/redis/command.h"

namespace gw::sim {
namespace {

Answer sadd(Call& call) {
  Set& set = call.make<Set>(call[1]);
  int64_t added = 0;
  for (size_t i = 2; i < call.size(); ++i) added += set.insert(call[i]).second;
  return added;
}

Answer srem(Call& call) {
  Set* const set = call.find<Set>(call[1]);
  if (!set) return int64_t{0};
  int64_t removed = 0;
  for (size_t i = 2; i < call.size(); ++i) removed += static_cast<int64_t>(set->erase(call[i]));
  if (set->empty()) call.keys.remove(call[1], call.now);
  return removed;
}

Answer smembers(Call& call) {
  Answers out;
  if (const Set* const set = call.find<Set>(call[1])) out.assign(set->begin(), set->end());
  return out;
}

Answer scard(Call& call) {
  const Set* const set = call.find<Set>(call[1]);
  return set ? set->size() : size_t{0};
}

Answer sismember(Call& call) {
  const Set* const set = call.find<Set>(call[1]);
  return set ? set->count(call[2]) : size_t{0};
}

// With a count: the first so many. Whoever relies on their being random will not find out here.
Answer srandmember(Call& call) {
  const int64_t count = call.integer(2);
  if (count < 0) refuse("ERR the model knows no negative count of SRANDMEMBER");
  Answers out;
  if (const Set* const set = call.find<Set>(call[1])) {
    const auto most = std::min(static_cast<size_t>(count), set->size());
    out.assign(set->begin(), std::next(set->begin(), static_cast<std::ptrdiff_t>(most)));
  }
  return out;
}

// SINTERCARD numkeys key [key ...]
Answer sintercard(Call& call) {
  const auto keys = static_cast<size_t>(call.integer(1));
  if (keys + 2 > call.size()) refuse(kSyntax);
  std::vector<const Set*> sets;
  for (size_t i = 2; i < keys + 2; ++i) sets.push_back(call.find<Set>(call[i]));
  if (std::find(sets.begin(), sets.end(), nullptr) != sets.end()) return int64_t{0};
  const auto in_all = [&](const std::string& member) {
    return std::all_of(sets.begin(), sets.end(), [&](const Set* set) { return set->contains(member); });
  };
  return static_cast<int64_t>(std::count_if(sets[0]->begin(), sets[0]->end(), in_all));
}

// SSCAN key cursor [COUNT n]: the cursor is how many were given. A set that shrinks meanwhile may hide one
// for a round, which is less than Redis promises; so a page holds whole sets of a usual size.
Answer sscan(Call& call) {
  constexpr size_t kPageMin = 1000;
  const Set* const set = call.find<Set>(call[1]);
  if (!set) return Answers{Answer("0"), Answers{}};
  const auto begin = std::min(static_cast<size_t>(call.integer(2, "ERR invalid cursor")), set->size());
  const size_t count = call.size() > 4 ? static_cast<size_t>(call.integer(4)) : 10;
  const size_t end = std::min(begin + std::max(count, kPageMin), set->size());
  Answers page(std::next(set->begin(), static_cast<std::ptrdiff_t>(begin)),
               std::next(set->begin(), static_cast<std::ptrdiff_t>(end)));
  return Answers{Answer(end == set->size() ? "0" : std::to_string(end)), std::move(page)};
}

}  // namespace

std::span<const Command> set_commands() {
  static constexpr Command kCommands[] = {
      {"sadd", sadd, -3, true}, {"srem", srem, -3, true},       {"smembers", smembers, 2},
      {"scard", scard, 2},      {"sismember", sismember, 3},    {"srandmember", srandmember, 3},
      {"sscan", sscan, -3},     {"sintercard", sintercard, -3},
  };
  return kCommands;
}

}  // namespace gw::sim
