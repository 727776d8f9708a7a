// Who is on a channel, over several partitions: each channel has one. Control loop only.
#pragma once

#include "engine/redis/partitions.h"

namespace gw::redis::partitioned {

class Presence final : public gw::Presence {
 public:
  // They outlive it.
  explicit Presence(const Partitions& partitions) : partitions_(partitions) {}

  void on_change(std::function<void(const PresenceChange&)> callback) override {
    for (const auto& partition : partitions_) partition->presence().on_change(callback);
  }
  bool is_kept(ChannelIndex channel) const override {
    return partitions_.of(channel).presence().is_kept(channel);
  }
  void list(ChannelIndex channel, std::string_view tenant, Done<PresenceList> done) override {
    partitions_.of(channel).presence().list(channel, tenant, std::move(done));
  }

 private:
  const Partitions& partitions_;
};

}  // namespace gw::redis::partitioned
