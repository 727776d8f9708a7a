// Whatever a node answers to CLUSTER SLOTS and CLUSTER NODES: masters are among the nodes, and have an
// address.
#include <algorithm>
#include <cstdint>

#include "base/assert.h"
#include "engine/redis/cluster_slot.h"
#include "engine/redis/cluster_view.h"

namespace gw::redis {
namespace {

// hiredis reserves room for a list as soon as it knows its length; a fuzzer finds the largest at once.
bool has_huge_list(std::string_view bytes) {
  for (size_t star = bytes.find('*'); star != std::string_view::npos; star = bytes.find('*', star + 1)) {
    const size_t digits = bytes.find_first_not_of("+0123456789", star + 1);
    if (std::min(digits, bytes.size()) - star > 6) return true;
  }
  return false;
}

void check(std::string_view bytes) {
  ReplyReader reader;
  if (has_huge_list(bytes) || !reader.feed(bytes)) return;
  const auto slots = reader.next();
  if (!slots || !*slots) return;
  ClusterView view;
  view.take_slots(Reply(*slots), {"asked", 1});
  const auto nodes = reader.next();
  if (nodes && *nodes) view.take_nodes(Reply(*nodes).text());
  for (const auto& [id, node] : view.nodes()) ASSERT(!node.host.empty() && node.port != 0);
  for (uint16_t slot = 0; slot < kSlots; slot = static_cast<uint16_t>(slot + 97)) {
    const auto naming = view.master_of(slot);
    ASSERT(!naming || std::any_of(view.nodes().begin(), view.nodes().end(),
                                  [&](const auto& node) { return node.second == naming->master; }));
  }
}

}  // namespace
}  // namespace gw::redis

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gw::redis::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
