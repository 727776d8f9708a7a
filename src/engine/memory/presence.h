// Who is on a channel of a gateway that runs alone.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "core/presence.h"
#include "core/presence_counts.h"
#include "net/event_loop.h"

namespace gw::memory {

class Presence final : public gw::Presence {
 public:
  Presence(EventLoop& loop, const PresenceOptions& options);

  void on_change(std::function<void(const PresenceChange&)> callback) override {
    on_change_ = std::move(callback);
  }
  bool is_kept(ChannelIndex channel) const override { return options_.channels.contains(channel); }
  void list(ChannelIndex channel, std::string_view tenant, Done<PresenceList> done) override;

  // Where the registry counts.
  PresenceCounts& counts() { return counts_; }

 private:
  using Place = std::pair<ChannelIndex, std::string>;  // a channel and a tenant

  void tell_news();
  void tell(const PresenceCounts::News& news);

  EventLoop& loop_;
  const PresenceOptions options_;
  PresenceCounts counts_;
  std::map<Place, std::set<std::string>> users_;  // as told
  uint64_t revision_ = 0;
  std::function<void(const PresenceChange&)> on_change_ = [](const PresenceChange&) {};
  EventLoop::Registration changes_;
};

}  // namespace gw::memory
