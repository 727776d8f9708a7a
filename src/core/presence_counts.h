// How many connections of this instance each user has on the channels whose presence is kept, and what of
// that is news. Not synchronized.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/registry.h"

namespace gw {

struct PresenceMember {
  ChannelIndex channel = 0;
  std::string tenant_id;
  std::string user_id;

  friend bool operator<(const PresenceMember& a, const PresenceMember& b) {
    return std::tie(a.channel, a.tenant_id, a.user_id) < std::tie(b.channel, b.tenant_id, b.user_id);
  }
};

class PresenceCounts {
 public:
  struct News {
    PresenceMember member;
    bool is_there;
  };

  explicit PresenceCounts(ChannelSet channels) : channels_(channels) {}

  // One that came, or went, with all its channels.
  void add(const ConnectionRecord& record) { count(record, record.channels, +1); }
  void remove(const ConnectionRecord& record) { count(record, record.channels, -1); }
  // It will have these channels in place of those that it has.
  void move(const ConnectionRecord& record, ChannelSet channels);

  // Those on these channels that are other than was told last, at most so many; from now on they are told.
  // Somebody who left and came back meanwhile is no news.
  std::vector<News> take_news(size_t most, ChannelSet of = ChannelSet::all());
  // It may not have been told, or not be as it was told.
  void mark(const PresenceMember& member);
  void mark_all(ChannelSet of = ChannelSet::all());

 private:
  struct State {
    size_t connections = 0;
    bool told = false;
  };

  void count(const ConnectionRecord& record, ChannelSet channels, int by);

  const ChannelSet channels_;
  std::map<PresenceMember, State> members_;
  std::set<PresenceMember> touched_;
};

}  // namespace gw
