#include "gateway/client_table.h"

#include "base/assert.h"

namespace gw {

Client& ClientTable::allocate() {
  if (free_.empty()) {
    Client& client = clients_.emplace_back();
    client.slot = static_cast<uint32_t>(clients_.size() - 1);
    return client;
  }
  Client& client = clients_[free_.back()];
  free_.pop_back();
  return client;
}

void ClientTable::release(Client& client) {
  ASSERT(client.phase == Client::Phase::free);
  client.fd.reset();
  client.connection.reset();
  client.handshake.reset();
  std::string().swap(client.held);
  client.watched = 0;
  client.blocked = client.paused = client.half_closed = client.left = false;
  client.wake_at = TimePoint::max();
  ++client.generation;
  free_.push_back(client.slot);
}

Client* ClientTable::find(uint32_t slot, uint32_t generation) {
  if (slot >= clients_.size()) return nullptr;
  Client& client = clients_[slot];
  return client.phase != Client::Phase::free && client.generation == generation ? &client : nullptr;
}

}  // namespace gw
