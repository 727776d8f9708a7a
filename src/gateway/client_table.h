// The clients of a shard, by slot. A slot that is used again has a new generation.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/assert.h"
#include "core/connection.h"
#include "net/socket.h"
#include "net/tls_session.h"

namespace gw {

// The address that it counts for as one of its strangers (handshakes.h); empty: it is none.
using Stranger = std::optional<IpAddress>;

// What a connection has that speaks another protocol.
struct ChatConnection {
  std::string channel;      // that it named; empty: none
  uint64_t sent_bytes = 0;  // of frames for it, in all
  bool owes_news = false;   // that they have left

  void count(const FramePtr& frame) {
    sent_bytes += frame->wire(false).size();
    owes_news = true;
  }
};

// Where it came from, and until when its handshake may take.
struct Arrival {
  SocketAddress peer;
  SocketAddress local;
  TimePoint deadline;
};

// The phases of a client. The request head is being read.
struct Handshaking {
  // none, untrusted: nothing of the kind may come. awaited -> taken: `arrival` is what it said.
  enum class FromProxy : uint8_t { none, untrusted, awaited, taken };

  Arrival arrival;
  std::string bytes;      // read, not yet used
  bool returned = false;  // by the server: it is not passed on again
  FromProxy proxy_header = FromProxy::none;
  bool awaits_tls = false;  // nothing of it has come, but perhaps the PROXY header before it
  bool is_secure = false;   // it has come
};
// The control loop decides.
struct Admitting {
  Connection connection;
  // In memory of its own: a connection that stays should not have to carry the room for it.
  struct Waiting {
    Arrival arrival;
    std::string response;  // 101, for when it is decided
    std::string input;     // came behind the head
    bool follows_runs = false;
    std::unique_ptr<ChatConnection> chat = {};
  };
  std::unique_ptr<Waiting> waiting;
};
// Our HTTP answer has been sent; what still comes is discarded until the peer has read it.
struct Refused {
  TimePoint deadline;
};
struct Connected {
  Connection connection;
  std::unique_ptr<ChatConnection> chat = {};  // null: it speaks the gateway's own
  std::unique_ptr<std::string> held = {};     // input read but not yet allowed by the rate
  bool paused = false;                        // over its rate: not read until resume_at()
  bool blocked = false;                       // the socket's buffer is full: wait until it is writable
  bool half_closed = false;                   // our side is shut down
  bool reads_runs = false;                    // it has said run or attach, or asked for what is pushed
  bool deregistered = false;  // nobody else knows it any more: only the close handshake remains
};

struct Client {
  //   free -> handshaking -> admitting -> connected
  //               |             |
  //               +-> refused <-+           and from each of them back to free
  //
  // Shard::move_to makes every step; what others know of the client ends there.
  enum class Phase : uint8_t { free, handshaking, admitting, refused, connected };
  using State = std::variant<std::monostate, Handshaking, Admitting, Refused, Connected>;  // as in Phase

  Phase phase() const { return static_cast<Phase>(state.index()); }
  bool is_free() const { return phase() == Phase::free; }
  bool is_connected() const { return phase() == Phase::connected; }

  // Of a client that is not connected yet: where it came from, and until when it may stay so.
  const Arrival& arrival() const;
  TimePoint deadline() const;

  // Of a client in that phase.
  Handshaking& handshaking() { return in_phase<Handshaking>(); }
  Admitting& admitting() { return in_phase<Admitting>(); }
  Connected& connected() { return in_phase<Connected>(); }
  Connection& connection() { return connected().connection; }

  // Only for Shard::move_to. Whatever referred into the state before is gone.
  void replace_state(State next);

  // In an order that leaves no holes: there are many of them.
  UniqueFd fd;
  uint32_t slot = 0;
  std::unique_ptr<TlsSession> tls;  // null: it is in clear
  uint32_t generation = 0;
  uint16_t watched = 0;  // epoll events asked for
  bool dirty = false;    // among the table's dirty ones
  Stranger stranger;
  TimePoint wake_at = TimePoint::max();  // earliest entry in the timer wheel
  State state;

 private:
  template <class Expected>
  Expected& in_phase() {
    Expected* const found = std::get_if<Expected>(&state);
    ASSERT(found != nullptr);
    return *found;
  }
};
static_assert(sizeof(Client) <= 320);

// What epoll gives back for a client; the top three bits are left to descriptors that are no client's.
inline uint64_t key_of(const Client& client) {
  return uint64_t{client.generation & 0x1fffffff} << 32 | client.slot;
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
  Client& at(uint32_t slot) { return (*blocks_[slot / kBlock])[slot % kBlock]; }

  // It has something to write, or to end, once this turn.
  void mark_dirty(Client& client) {
    if (!std::exchange(client.dirty, true)) dirty_.push_back(client.slot);
  }
  // Visits what has been marked, and forgets the marks. `visit` must not mark.
  template <class F>
  void for_each_dirty(F&& visit) {
    for (const uint32_t slot : dirty_) {
      Client& client = at(slot);
      client.dirty = false;
      if (!client.is_free()) visit(client);
    }
    dirty_.clear();
  }

  template <class F>
  void for_each(F&& visit) {
    for (const auto& block : blocks_) {
      for (Client& client : *block) {
        if (!client.is_free()) visit(client);
      }
    }
  }

 private:
  // Addresses stay, and no client has an allocation of its own.
  static constexpr size_t kBlock = 64;
  using Block = std::array<Client, kBlock>;

  void add_block();

  std::vector<std::unique_ptr<Block>> blocks_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> dirty_;  // each at most once
};

}  // namespace gw
