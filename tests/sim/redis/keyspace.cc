#include "sim/redis/keyspace.h"

namespace gw::sim {

std::optional<StreamId> StreamId::next() const {
  if (seq != UINT64_MAX) return StreamId{ms, seq + 1};
  if (ms != UINT64_MAX) return StreamId{ms + 1, 0};
  return std::nullopt;
}

std::optional<StreamId> StreamId::previous() const {
  if (seq != 0) return StreamId{ms, seq - 1};
  if (ms != 0) return StreamId{ms - 1, UINT64_MAX};
  return std::nullopt;
}

void SortedSet::put(const std::string& member, double score) {
  remove(member);
  scores[member] = score;
  order.emplace(score, member);
}

bool SortedSet::remove(const std::string& member) {
  const auto it = scores.find(member);
  if (it == scores.end()) return false;
  order.erase({it->second, member});
  scores.erase(it);
  return true;
}

const Value* Keyspace::find(const std::string& key, int64_t now) {
  const auto it = values_.find(key);
  if (it == values_.end()) return nullptr;
  if (it->second->ends_at && *it->second->ends_at < now) {
    values_.erase(it);
    return nullptr;
  }
  return it->second.get();
}

Value* Keyspace::find_to_change(const std::string& key, int64_t now) {
  if (!find(key, now)) return nullptr;
  std::shared_ptr<Value>& value = values_.at(key);
  if (value.use_count() > 1) value = std::make_shared<Value>(*value);
  return value.get();
}

Value& Keyspace::put(const std::string& key, Value value) {
  return *(values_[key] = std::make_shared<Value>(std::move(value)));
}

bool Keyspace::remove(const std::string& key, int64_t now) {
  if (!find(key, now)) return false;
  values_.erase(key);
  return true;
}

void Keyspace::expire(int64_t now) {
  std::erase_if(values_,
                [now](const auto& value) { return value.second->ends_at && *value.second->ends_at < now; });
}

}  // namespace gw::sim
