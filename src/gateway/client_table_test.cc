#include "gateway/client_table.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

const TimePoint t0 = TimePoint() + 1h;
const ConnectionOptions kOptions;

Connection connection() { return Connection(kOptions, ConnectionId::make(), false, t0); }

// As Shard::move_to does it.
void connect(Client& client) {
  const SocketAddress peer = *SocketAddress::parse("203.0.113.9:5000");
  client.replace_state(Handshaking{{peer, peer, t0 + 5s}, "GET", false});
  auto waiting = std::make_unique<Admitting::Waiting>(Admitting::Waiting{client.arrival(), "101", "early"});
  client.replace_state(Admitting{connection(), std::move(waiting)});
  EXPECT_EQ(client.arrival().peer, peer);
  EXPECT_EQ(client.deadline(), t0 + 5s);
  client.replace_state(Connected{std::move(client.admitting().connection)});
}

void release(ClientTable& table, Client& client) {
  client.replace_state(std::monostate());
  table.release(client);
}

TEST(ClientTable, ASlotThatIsUsedAgainIsNobodyElses) {
  ClientTable table;
  Client& first = table.allocate();
  connect(first);
  const uint32_t slot = first.slot;
  const uint32_t generation = first.generation;
  const uint64_t key = key_of(first);
  EXPECT_EQ(table.find(slot, generation), &first);
  release(table, first);
  EXPECT_EQ(table.find(slot, generation), nullptr);
  Client& second = table.allocate();
  EXPECT_EQ(&second, &first);
  EXPECT_EQ(table.find(slot, generation), nullptr);
  connect(second);
  EXPECT_EQ(table.find(slot, generation), nullptr);
  EXPECT_EQ(table.find(slot, second.generation), &second);
  EXPECT_NE(key_of(second), key);
}

TEST(ClientTable, AMarkIsVisitedOnceAndDoesNotOutliveItsClient) {
  ClientTable table;
  Client& stays = table.allocate();
  Client& goes = table.allocate();
  connect(stays);
  connect(goes);
  table.mark_dirty(goes);
  table.mark_dirty(stays);
  table.mark_dirty(stays);
  release(table, goes);
  std::vector<uint32_t> visited;
  const auto visit = [&](Client& client) { visited.push_back(client.slot); };
  table.for_each_dirty(visit);
  table.for_each_dirty(visit);
  EXPECT_EQ(visited, std::vector<uint32_t>{stays.slot});
}

TEST(ClientDeathTest, NothingOfAPhaseIsThereInAnother) {
  ClientTable table;
  Client& client = table.allocate();
  connect(client);
  EXPECT_DEATH(client.handshaking(), "nullptr");
  EXPECT_DEATH(client.arrival(), "nullptr");
}

}  // namespace
}  // namespace gw
