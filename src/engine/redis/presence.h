// Who is on a channel, over Redis: each instance says which users came to it and left it, the step that
// writes that tells every instance, and what a dead one leaves goes with its connections (Lease). Control
// loop only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/presence.h"
#include "core/presence_counts.h"
#include "engine/redis/lease.h"
#include "engine/redis/one_at_a_time.h"
#include "engine/redis/subscriptions.h"

namespace gw::redis {

class Presence final : public gw::Presence {
 public:
  // All outlive it.
  struct Parts {
    EventLoop& loop;
    Client& commands;
    Subscriptions& subscriptions;
    const Lease& lease;
    const Keys& keys;
    const ChannelTable& channels;
    PresenceCounts& counts;  // where registries count
  };
  Presence(const Parts& parts, const PresenceOptions& options);

  void on_change(std::function<void(const PresenceChange&)> callback) override {
    on_change_ = std::move(callback);
  }
  bool is_kept(ChannelIndex channel) const override { return options_.channels.contains(channel); }
  void list(ChannelIndex channel, std::string_view tenant, Done<PresenceList> done) override;

  // One of the table's, and of this partition's.
  void add_channel(ChannelIndex channel);
  // Redis may have forgotten, or have kept what is not so any more: everything is written anew.
  void rebuild();
  // Sends what has collected.
  void flush();

 private:
  std::string text_of(const PresenceMember& member) const;
  void tell(std::vector<PresenceCounts::News> news);
  void on_notice(ChannelIndex channel, std::string_view payload);
  void list_now(ChannelIndex channel, const std::string& tenant, Done<PresenceList> done);

  const Parts parts_;
  const PresenceOptions options_;
  const std::string members_max_;
  ChannelSet own_;  // of this partition, and kept
  OneAtATime<PresenceList> lists_;
  std::function<void(const PresenceChange&)> on_change_ = [](const PresenceChange&) {};
  EventLoop::Registration changes_;
};

}  // namespace gw::redis
