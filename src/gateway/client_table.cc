#include "gateway/client_table.h"

namespace gw {

const Arrival& Client::arrival() const {
  if (const auto* admitting_now = std::get_if<Admitting>(&state)) return admitting_now->waiting->arrival;
  const auto* handshaking_now = std::get_if<Handshaking>(&state);
  ASSERT(handshaking_now != nullptr);
  return handshaking_now->arrival;
}

TimePoint Client::deadline() const {
  const auto* refused = std::get_if<Refused>(&state);
  return refused ? refused->deadline : arrival().deadline;
}

void Client::replace_state(State next) {
  // A connection can be moved to a new place, but not over another.
  std::visit([this]<class Next>(Next& value) { state.emplace<Next>(std::move(value)); }, next);
}

Client& ClientTable::allocate() {
  if (free_.empty()) add_block();
  Client& client = at(free_.back());
  free_.pop_back();
  return client;
}

// Its first slot is used first.
void ClientTable::add_block() {
  const auto first = static_cast<uint32_t>(blocks_.size() * kBlock);
  blocks_.push_back(std::make_unique<Block>());
  for (uint32_t slot = first + kBlock; slot-- > first;) {
    at(slot).slot = slot;
    free_.push_back(slot);
  }
}

void ClientTable::release(Client& client) {
  ASSERT(client.is_free() && !client.stranger);
  client.fd.reset();
  client.tls.reset();
  client.watched = 0;
  client.wake_at = TimePoint::max();
  ++client.generation;
  free_.push_back(client.slot);
}

Client* ClientTable::find(uint32_t slot, uint32_t generation) {
  if (slot >= blocks_.size() * kBlock) return nullptr;
  Client& client = at(slot);
  return !client.is_free() && client.generation == generation ? &client : nullptr;
}

}  // namespace gw
