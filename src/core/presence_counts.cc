#include "core/presence_counts.h"

#include "base/assert.h"

namespace gw {

void PresenceCounts::move(const ConnectionRecord& record, ChannelSet channels) {
  count(record, channels.without(record.channels), +1);
  count(record, record.channels.without(channels), -1);
}

void PresenceCounts::count(const ConnectionRecord& record, ChannelSet channels, int by) {
  if (!record.session) return;
  channels.without(channels.without(channels_)).for_each([&](ChannelIndex channel) {
    const auto [it, is_new] = members_.try_emplace(
        {channel, std::string(record.session->tenant_id), std::string(record.session->user_id)});
    size_t& connections = it->second.connections;
    ASSERT(by > 0 || connections > 0);
    connections = by > 0 ? connections + 1 : connections - 1;
    if (connections == (by > 0 ? 1 : 0)) touched_.insert(it->first);
  });
}

std::vector<PresenceCounts::News> PresenceCounts::take_news(size_t most) {
  std::vector<News> news;
  while (!touched_.empty() && news.size() < most) {
    const auto it = members_.find(*touched_.begin());
    touched_.erase(touched_.begin());
    if (it == members_.end()) continue;
    State& state = it->second;
    const bool is_there = state.connections > 0;
    if (is_there != state.told) news.push_back({it->first, is_there});
    state.told = is_there;
    if (!is_there) members_.erase(it);
  }
  return news;
}

void PresenceCounts::mark(const PresenceMember& member) {
  State& state = members_[member];
  state.told = state.connections == 0;
  touched_.insert(member);
}

void PresenceCounts::mark_all() {
  for (auto& [member, state] : members_) {
    state.told = state.connections == 0;
    touched_.insert(member);
  }
}

}  // namespace gw
