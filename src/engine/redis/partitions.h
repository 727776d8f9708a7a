// All partitions of an instance, and which one has a name. Control loop only.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/redis/partition.h"

namespace gw::redis {

class Partitions {
 public:
  // `options.engine` is for all of them together.
  Partitions(const Partition::Shared& shared, const EngineOptions& options);

  Partition& operator[](size_t index) const { return *all_[index]; }
  size_t index_of(std::string_view name) const { return partition_of(name, all_.size()); }
  Partition& of(std::string_view name) const { return *all_[index_of(name)]; }
  // Of one of the table's.
  Partition& of(ChannelIndex channel) const { return *by_channel_[channel]; }
  // The first from that one on that works; that one if none does.
  Partition& working(size_t from = 0) const;
  bool any_is_connected() const;

  // The table's newest.
  void add_channel(ChannelIndex channel);

  size_t size() const { return all_.size(); }
  std::vector<std::unique_ptr<Partition>>::const_iterator begin() const { return all_.begin(); }
  std::vector<std::unique_ptr<Partition>>::const_iterator end() const { return all_.end(); }

 private:
  const ChannelTable& channels_;
  std::vector<std::unique_ptr<Partition>> all_;
  std::vector<Partition*> by_channel_;
};

// Asks each of them; `done` gets what they answered, in their order.
template <class T, class Ask>
void ask_all(const Partitions& partitions, const Ask& ask,
             std::function<void(std::vector<Result<T>>& answers)> done) {
  struct Asking {
    std::vector<std::optional<Result<T>>> answers;
    size_t open;
    std::function<void(std::vector<Result<T>>&)> done;
  };
  const size_t count = partitions.size();
  const auto asking =
      std::make_shared<Asking>(Asking{std::vector<std::optional<Result<T>>>(count), count, std::move(done)});
  for (size_t i = 0; i < count; ++i) {
    Done<T> answer = [asking, i](Result<T> result) {
      asking->answers[i].emplace(std::move(result));
      if (--asking->open > 0) return;
      std::vector<Result<T>> all;
      for (auto& one : asking->answers) all.push_back(std::move(*one));
      asking->done(all);
    };
    ask(partitions[i], std::move(answer));
  }
}

}  // namespace gw::redis
