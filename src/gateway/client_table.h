// The clients of a shard, by slot. A slot that is used again has a new generation.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/connection.h"
#include "net/socket.h"

namespace gw {

// What a socket needs until it is a connection; gone afterwards.
struct HandshakeState {
  SocketAddress peer;
  SocketAddress local;
  std::string bytes;  // read, not yet used
  std::string response;
  TimePoint deadline;
  bool returned = false;  // by the server: it is not passed on again
};

struct Client {
  //   free -> handshake -> admitting -> connected
  //              |             |
  //              +-> refused <-+         and from each of them back to free
  //
  // Shard::move_to makes every step; what others know of the client ends there.
  enum class Phase : uint8_t {
    free,
    handshake,  // reading the request head
    admitting,  // the control loop decides
    refused,    // an HTTP answer is on its way out
    connected,
  };

  UniqueFd fd;
  uint32_t slot = 0;
  uint32_t generation = 0;
  uint32_t watched = 0;  // epoll events asked for
  Phase phase = Phase::free;
  bool dirty = false;                    // in the shard's dirty list
  bool blocked = false;                  // the socket's buffer is full: wait until it is writable
  bool paused = false;                   // over its rate: not read until resume_at()
  bool half_closed = false;              // our side is shut down
  bool left = false;                     // nobody else knows it any more: only the close handshake remains
  TimePoint wake_at = TimePoint::max();  // earliest entry in the timer wheel
  std::unique_ptr<HandshakeState> handshake;
  std::optional<Connection> connection;  // in phase connected
  std::string held;                      // input read but not yet allowed by the rate
  std::optional<IpAddress> counted_as;   // one of the strangers of this address
};

// What epoll gives back for a client; the top bits are left to descriptors that are no client's.
inline uint64_t key_of(const Client& client) {
  return uint64_t{client.generation & 0x3fffffff} << 32 | client.slot;
}

struct TimerEntry {
  uint32_t slot;
  uint32_t generation;
};

class ClientTable {
 public:
  Client& allocate();
  // The slot's memory stays for the next client.
  void release(Client& client);

  // Null when the slot is free or belongs to a later generation.
  Client* find(uint32_t slot, uint32_t generation);
  // A slot in use.
  Client& at(uint32_t slot) { return clients_[slot]; }

  template <class F>
  void for_each(F&& visit) {
    for (Client& client : clients_) {
      if (client.phase != Client::Phase::free) visit(client);
    }
  }

 private:
  std::deque<Client> clients_;  // addresses stay
  std::vector<uint32_t> free_;
};

}  // namespace gw
