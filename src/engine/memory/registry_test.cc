#include "engine/memory/registry.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gw::memory {
namespace {

using Slots = std::vector<uint32_t>;

class MemoryRegistryTest : public testing::Test {
 protected:
  ConnectionId add(uint32_t slot, const std::string& user = "") {
    ConnectionRecord record;
    record.id = ConnectionId::make();
    record.handle = {0, slot, 1};
    record.channels.add(0);
    if (!user.empty()) {
      Session session;
      session.user_id = user;
      session.ref = "ref-" + user;
      record.session = std::make_shared<const Session>(session);
    }
    const ConnectionId id = record.id;
    registry_.add(std::move(record), {.per_user = 0, .total = 100}, [](Result<void> r) { EXPECT_TRUE(r); });
    return id;
  }
  // One round of portions of `max`.
  Slots visited(size_t max) {
    Slots slots;
    size_t position = 0;
    do {
      size_t portion = 0;
      position = registry_.visit(position, max, [&](const ConnectionRecord& record) {
        slots.push_back(record.handle.slot);
        ++portion;
      });
      EXPECT_LE(portion, max);
    } while (position != 0);
    return slots;
  }
  Slots selected(const Selector& selector) const {
    Slots slots;
    for (const ConnectionRecord& record : registry_.select_local(selector))
      slots.push_back(record.handle.slot);
    std::sort(slots.begin(), slots.end());
    return slots;
  }

  const ChannelTable channels_{{"guide", "pillar:content"}};
  PresenceCounts presence_{ChannelSet()};
  Registry registry_{channels_, "gw-1", presence_};
};

TEST_F(MemoryRegistryTest, VisitsEveryConnectionOnceInPortions) {
  EXPECT_EQ(visited(3), Slots{});
  std::vector<ConnectionId> ids;
  for (uint32_t slot = 0; slot < 10; ++slot) ids.push_back(add(slot));
  for (const size_t max : {size_t{1}, size_t{3}, size_t{10}, size_t{11}, SIZE_MAX}) {
    EXPECT_EQ(visited(max), (Slots{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})) << max;
  }
  for (const size_t gone : {0u, 4u, 5u, 9u}) registry_.remove(ids[gone], 1000);
  for (const size_t max : {size_t{1}, size_t{3}, size_t{6}, SIZE_MAX}) {
    EXPECT_EQ(visited(max), (Slots{1, 2, 3, 6, 7, 8})) << max;
  }
  add(20);
  EXPECT_EQ(visited(2).size(), 7u);
  for (const ConnectionId& id : ids) registry_.remove(id, 1000);
  EXPECT_EQ(visited(1), Slots{20});
}

TEST_F(MemoryRegistryTest, APositionPastTheEndIsTheEnd) {
  add(1);
  EXPECT_EQ(registry_.visit(7, 1, [](const ConnectionRecord&) { FAIL(); }), 0u);
}

TEST_F(MemoryRegistryTest, FindsAndSelectsWithoutAsking) {
  const ConnectionId ann = add(1, "ann"), other = add(2, "ann");
  add(3);
  ASSERT_NE(registry_.find_local(ann), nullptr);
  EXPECT_EQ(registry_.find_local(ann)->handle.slot, 1u);
  EXPECT_EQ(registry_.find_local(ConnectionId::make()), nullptr);
  EXPECT_EQ(selected(ByUser{"ann"}), (Slots{1, 2}));
  EXPECT_EQ(selected(BySession{"ref-ann"}), (Slots{1, 2}));
  EXPECT_EQ(selected(ByChannel{0}), (Slots{1, 2, 3}));
  EXPECT_EQ(selected(ByChannel{1}), Slots{});
  registry_.remove(ann, 1000);
  EXPECT_EQ(registry_.find_local(ann), nullptr);
  EXPECT_EQ(selected(ByUser{"ann"}), Slots{2});
  registry_.remove(other, 1000);
  EXPECT_EQ(selected(ByUser{"ann"}), Slots{});
  EXPECT_EQ(registry_.size(), 1u);
}

}  // namespace
}  // namespace gw::memory
