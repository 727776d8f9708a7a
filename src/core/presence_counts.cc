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

std::vector<PresenceCounts::News> PresenceCounts::take_news(size_t most, ChannelSet of) {
  std::vector<News> news;
  auto next = touched_.begin();
  while (next != touched_.end() && news.size() < most) {
    if (!of.contains(next->channel)) {
      if (next->channel == kChannelsMax - 1) break;
      next = touched_.lower_bound({static_cast<ChannelIndex>(next->channel + 1), {}, {}});
      continue;
    }
    const auto it = members_.find(*next);
    next = touched_.erase(next);
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

void PresenceCounts::mark_all(ChannelSet of) {
  for (auto& [member, state] : members_) {
    if (!of.contains(member.channel)) continue;
    state.told = state.connections == 0;
    touched_.insert(member);
  }
}

}  // namespace gw
