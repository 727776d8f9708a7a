#include "engine/redis/cluster_map.h"

#include <algorithm>

#include "base/random.h"

namespace gw::redis {
namespace {

constexpr Duration kLookEvery = 1s;
// Out of a large cluster's nodes these many, at random.
constexpr size_t kAskedMax = 16;

Error nobody(uint16_t slot, const std::vector<ClusterView>& views, const Error& last_error) {
  if (views.empty()) return {Errc::unavailable, "no node of the cluster answers (" + last_error.detail + ")"};
  return {Errc::unavailable, "the cluster has no master for slot " + std::to_string(slot)};
}

}  // namespace

ClusterMap::ClusterMap(EventLoop& loop, const Url& url, const std::string& ca_file)
    : loop_(loop), url_(url), ca_file_(ca_file), poll_(loop) {}

void ClusterMap::ask(uint16_t slot, Done<HostPort> done) {
  slots_[slot].waiting.push_back(std::move(done));
  look();
}

void ClusterMap::look() {
  if (!poll_.is_open()) return begin(kAskedMax);
  wanted_ = wanted_ || is_glance_;
}

ClusterMap::Watch ClusterMap::watch(uint16_t slot, std::function<void()> on_moved) {
  auto watch = std::make_shared<const std::function<void()>>(std::move(on_moved));
  auto& watches = slots_[slot].watches;
  std::erase_if(watches, [](const auto& other) { return other.expired(); });
  watches.push_back(watch);
  return watch;
}

void ClusterMap::begin(size_t most) {
  if (!tick_) {
    tick_ = loop_.every(kLookEvery, [this] {
      if (!poll_.is_open()) begin(1);
    });
  }
  is_glance_ = most == 1;
  const std::vector<HostPort> nodes = some_nodes(most);
  std::vector<Inquiry::Server> servers;
  for (const HostPort& node : nodes) servers.push_back({node, url_.tls, ca_file_, url_.user, url_.password});
  poll_.begin(
      servers, {{"CLUSTER", "SLOTS"}, {"CLUSTER", "NODES"}},
      [nodes](size_t server, ClusterView& view, size_t command, const Reply& reply) -> Result<void> {
        if (command == 0) {
          view.take_slots(reply, nodes[server]);
        } else {
          view.take_nodes(reply.text());
        }
        return {};
      },
      [this, asked = is_glance_ ? kAskedMax : servers.size()](
          const std::vector<ClusterView>& views, const Error& why) { finish(asked, views, why); });
}

std::vector<HostPort> ClusterMap::some_nodes(size_t most) const {
  std::vector<HostPort> nodes = url_.hosts;
  for (const auto& [id, node] : nodes_) {
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
  }
  for (size_t i = nodes.size(); i > 1; --i) std::swap(nodes[i - 1], nodes[fast_random() % i]);
  if (nodes.size() > most) nodes.resize(most);
  return nodes;
}

// A glance at one node is enough while nothing has changed.
void ClusterMap::finish(size_t asked, const std::vector<ClusterView>& views, const Error& last_error) {
  if (std::exchange(wanted_, false) || (is_glance_ && views.empty())) return begin(kAskedMax);
  std::vector<std::function<void()>> calls;
  for (auto& [number, slot] : slots_) {
    std::vector<Naming> claims;
    for (const ClusterView& view : views) {
      if (auto claim = view.master_of(number)) claims.push_back(std::move(*claim));
    }
    const std::optional<Naming> found = newest(claims, asked, slot.known);
    if (found && slot.known && found->master != slot.known->master) {
      for (const auto& watch : slot.watches) {
        calls.push_back([watch] {
          if (const auto on_moved = watch.lock()) (*on_moved)();
        });
      }
    }
    if (found) slot.known = found;
    const Result<HostPort> answer =
        found ? Result<HostPort>(found->master) : nobody(number, views, last_error);
    for (auto& done : std::exchange(slot.waiting, {})) {
      calls.push_back([done = std::move(done), answer] { done(answer); });
    }
  }
  if (!views.empty()) nodes_ = views.front().nodes();
  for (const auto& call : calls) call();
}

}  // namespace gw::redis
