// The data of the model: keys, their values, and when they end. A plain value: a copy is what a replica has.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gw::sim {

struct StreamId {
  uint64_t ms = 0;
  uint64_t seq = 0;

  std::string text() const { return std::to_string(ms) + "-" + std::to_string(seq); }
  // The next and the one before; empty at the ends.
  std::optional<StreamId> next() const;
  std::optional<StreamId> previous() const;
  friend auto operator<=>(const StreamId&, const StreamId&) = default;
};

inline constexpr StreamId kLastId{UINT64_MAX, UINT64_MAX};

using Words = std::vector<std::string>;
using Hash = std::map<std::string, std::string>;
using Set = std::set<std::string>;
using List = std::deque<std::string>;

struct SortedSet {
  std::map<std::string, double> scores;
  std::set<std::pair<double, std::string>> order;

  void put(const std::string& member, double score);
  bool remove(const std::string& member);
};

struct StreamData {
  struct Pending {
    std::string consumer;
    int64_t delivered_at = 0;
    int64_t deliveries = 1;
  };
  struct Group {
    StreamId last;
    std::map<StreamId, Pending> pending;
    std::map<std::string, int64_t> consumers;  // name -> when it was seen last
  };

  std::map<StreamId, Words> entries;
  StreamId last;
  StreamId last_deleted;
  uint64_t added = 0;
  std::map<std::string, Group> groups;
};

struct Value {
  std::variant<std::string, Hash, Set, List, SortedSet, StreamData> data;
  std::optional<int64_t> ends_at;  // unix ms
};

// Copies share values until one of them changes.
class Keyspace {
 public:
  // Null: there is none, or it has ended.
  const Value* find(const std::string& key, int64_t now);
  Value* find_to_change(const std::string& key, int64_t now);
  Value& put(const std::string& key, Value value);
  bool remove(const std::string& key, int64_t now);
  // Takes out what has ended.
  void expire(int64_t now);
  void clear() { values_.clear(); }
  const std::map<std::string, std::shared_ptr<Value>>& values() const { return values_; }

 private:
  std::map<std::string, std::shared_ptr<Value>> values_;
};

}  // namespace gw::sim
