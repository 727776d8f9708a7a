// The masters of a Redis Cluster: who has a slot now? Every node that is known is asked; one that was cut off
// goes on naming the master of its day, so the newest claim to a slot counts. Control loop only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/redis/cluster_view.h"
#include "engine/redis/poll.h"
#include "engine/redis/url.h"

namespace gw::redis {

class ClusterMap {
 public:
  ClusterMap(EventLoop& loop, const Url& url, const std::string& ca_file);

  // By a look that ends after this call. From the first one on it glances at a node each second.
  void ask(uint16_t slot, Done<HostPort> done);
  // Something was not as the map says: looks, unless it does.
  void look();

  // `on_moved`, while the handle lives: the slot has another master than when it was asked for last.
  using Watch = std::shared_ptr<const std::function<void()>>;
  [[nodiscard]] Watch watch(uint16_t slot, std::function<void()> on_moved);

 private:
  struct Slot {
    std::optional<Naming> known;
    std::vector<Done<HostPort>> waiting;  // for the end of the look
    std::vector<std::weak_ptr<const std::function<void()>>> watches;
  };

  void begin(size_t most);
  std::vector<HostPort> some_nodes(size_t most) const;
  void finish(size_t asked, const std::vector<ClusterView>& views, const Error& last_error);

  EventLoop& loop_;
  const Url url_;
  const std::string ca_file_;
  std::map<uint16_t, Slot> slots_;  // those that somebody has asked for
  ClusterView::Nodes nodes_;        // as the last look showed them
  bool is_glance_ = false;          // one node is asked, and nobody waits for what it says
  bool wanted_ = false;             // a look, when the glance ends
  Poll<ClusterView> poll_;
  EventLoop::Registration tick_;
};

}  // namespace gw::redis
