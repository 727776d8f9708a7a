// Something of each channel that is this partition's own. The others have none.
#pragma once

#include <memory>
#include <vector>

#include "core/channel.h"

namespace gw::redis {

template <class T>
class ByChannel {
 public:
  using Iterator = typename std::vector<std::unique_ptr<T>>::const_iterator;

  T& add(ChannelIndex channel, std::unique_ptr<T> thing) {
    if (by_index_.size() <= channel) by_index_.resize(channel + size_t{1});
    by_index_[channel] = thing.get();
    return *own_.emplace_back(std::move(thing));
  }
  // The channel is this partition's.
  T* operator[](ChannelIndex channel) const { return by_index_[channel]; }
  bool empty() const { return own_.empty(); }
  size_t size() const { return own_.size(); }
  Iterator begin() const { return own_.begin(); }
  Iterator end() const { return own_.end(); }

 private:
  std::vector<std::unique_ptr<T>> own_;
  std::vector<T*> by_index_;  // null: not its own
};

}  // namespace gw::redis
