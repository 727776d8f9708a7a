#include "engine/redis/cluster_view.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/redis/cluster_slot.h"

namespace gw::redis {
namespace {

constexpr size_t kRangesMax = kSlots;
constexpr size_t kNodesMax = 4096;
// A node that should be known by a name, and has none.
constexpr std::string_view kNameless = "?";

// [endpoint, port, id, [name, value, ...]]: where it is. The endpoint of one that has met nobody is empty;
// nil says that all are behind the address that was asked.
std::optional<HostPort> address_of(const Reply& node, const HostPort& asked) {
  std::string_view host = node[0].text();
  if (host.empty()) host = asked.host;
  if (host == kNameless) host = node[3][0].text() == "ip" ? node[3][1].text() : std::string_view();
  const int64_t port = node[1].integer();
  if (host.empty() || port <= 0 || port > UINT16_MAX) return std::nullopt;
  return HostPort{std::string(host), static_cast<uint16_t>(port)};
}

// Words of a line, as many as there is room for.
template <size_t N>
std::array<std::string_view, N> words_of(std::string_view line) {
  std::array<std::string_view, N> words;
  for (std::string_view& word : words) {
    const size_t end = std::min(line.find(' '), line.size());
    word = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

}  // namespace

// https://redis.io/docs/latest/commands/cluster-slots/: [first, last, master, replica, ...] each.
void ClusterView::take_slots(const Reply& slots, const HostPort& asked) {
  for (size_t i = 0; i < slots.size() && ranges_.size() < kRangesMax; ++i) {
    const Reply range = slots[i];
    for (size_t j = 2; j < range.size() && nodes_.size() < kNodesMax; ++j) {
      if (const auto node = address_of(range[j], asked)) nodes_.emplace(range[j][2].text(), *node);
    }
    ranges_.push_back({range[0].integer(), range[1].integer(), std::string(range[2][2].text())});
  }
}

// https://redis.io/docs/latest/commands/cluster-nodes/: id, address, flags, master, ping, pong, epoch, ...
void ClusterView::take_nodes(std::string_view nodes) {
  while (!nodes.empty()) {
    const size_t end = std::min(nodes.find('\n'), nodes.size());
    const auto words = words_of<7>(nodes.substr(0, end));
    nodes.remove_prefix(std::min(end + 1, nodes.size()));
    uint64_t epoch = 0;
    const std::string_view text = words[6];
    if (!nodes_.contains(words[0])) continue;
    if (std::from_chars(text.data(), text.data() + text.size(), epoch).ec != std::errc()) continue;
    epochs_.emplace(words[0], epoch);
  }
}

std::optional<Naming> ClusterView::master_of(uint16_t slot) const {
  const auto range = std::find_if(ranges_.begin(), ranges_.end(), [slot](const Range& each) {
    return each.first <= slot && slot <= each.last;
  });
  if (range == ranges_.end()) return std::nullopt;
  const auto master = nodes_.find(range->master_id);
  if (master == nodes_.end()) return std::nullopt;
  const auto epoch = epochs_.find(range->master_id);
  return Naming{master->second, epoch == epochs_.end() ? 0 : epoch->second};
}

}  // namespace gw::redis
