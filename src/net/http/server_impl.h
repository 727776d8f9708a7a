// The inside of Server: server.cc (life of connections), server_bounds.cc (who may hold how much),
// server_receive.cc (bytes to requests), server_send.cc (answers to bytes), server_tls.cc (both over TLS).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/assert.h"
#include "base/ip_machine.h"
#include "net/http/chunked.h"
#include "net/http/head.h"
#include "net/http/out_buffer.h"
#include "net/http/response_writer.h"
#include "net/http/server.h"
#include "net/listener.h"
#include "net/poller.h"

namespace gw::http {

// Connections beyond the limit, so that probes get through.
inline constexpr size_t kReserve = 100;

class ServerImpl;
struct ServerConnection;

// What Responder and Stream handles share. It goes with the last of them.
struct Exchange {
  Exchange(ServerConnection* c, uint64_t s) : connection(c), sequence(s) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  ServerConnection* connection;  // null: the answer can reach nobody any more
  const uint64_t sequence;
};

// A request whose answer is not wholly on its way. Answers leave in the order of the requests.
struct Slot {
  Exchange* exchange = nullptr;  // null: no handle is left
  std::string bytes;             // only while it is not the first
  std::string extra_head;        // beside the response's own
  std::function<void()> on_close;
  enum class State : uint8_t {
    waiting,    // for its answer
    streaming,  // its head is there, and its body goes on
    complete,   // nothing will be added
  };
  State state = State::waiting;
  bool head_only = false;
  bool close_after = false;
  bool http10 = false;
};

// What an address or a payer holds of what all share.
struct Holdings {
  size_t connections = 0;  // of an address; of a payer its streams
  size_t strangers = 0;    // those of them that nobody has billed
  size_t bytes = 0;
};

struct ServerConnection {
  //        bytes          head whole              body whole
  //   idle -----> head ----------------> body ----------------> answering
  //    ^           |                                             ^   |
  //    |           +-- head whole, and there is no body ---------+   |
  //    +-- every answer is on its way, and nothing waits behind -----+
  //
  // From any of these to lingering, when the last answer there will be has left, and to closed, when the
  // peer or its time is gone; from lingering to closed alone. What a connection waits for follows from
  // what it holds (ServerImpl::settle), so several steps may be taken at once.
  enum class Phase : uint8_t {
    idle,       // between requests
    head,       // some of a head is there
    body,       // the head is there, some of the body is missing
    answering,  // a handler or a stream is at work; no deadline of ours
    lingering,  // all is said; reads on, so that a reset does not swallow the last answer
    closed,     // waits to be freed
  };
  // What becomes of the bytes in `in`.
  enum class Intake : uint8_t {
    open,           // requests are taken as they come
    blocked,        // there may be more of them, to be taken once answers have left
    upgrade_waits,  // the next is for an upgrade path: it is handed over once all answers have left
    ended,          // nothing more is taken, and what comes is dropped
  };
  // Whether the socket takes what is in `out`.
  enum class Output : uint8_t {
    flowing,
    full,      // until epoll says otherwise, or write_deadline
    retrying,  // epoll has said so; the next write tells
    doomed,    // its stream gave way to others: closed at the end of the turn
  };
  struct ChunkedRequest {
    std::string head;
    std::string body;
    ChunkedDecoder decoder;
  };

  explicit ServerConnection(ServerImpl& owner) : server(owner) {}

  void move_to(Phase next) {
    ASSERT(phase != Phase::closed);
    ASSERT(phase != Phase::lingering || next == Phase::closed);
    phase = next;
  }
  // Over TLS what is sealed already counts as well.
  size_t unsent() const { return out.size() + (tls ? tls->unsent().size() : 0); }
  // Nothing that it said has come through TLS yet.
  bool is_securing() const { return awaits_tls || (tls && !tls->is_established()); }
  IoResult read(std::span<char> into, TlsStats& stats);
  IoResult write_out();  // `out`, or as much of it as the socket takes; over TLS, some records of it
  void end_tls();
  bool owes_nothing() const { return slots.empty() && unsent() == 0; }
  bool may_hold_requests() const { return intake == Intake::blocked || intake == Intake::upgrade_waits; }
  // Unsent bytes have waited since write_deadline was set.
  bool is_stalled() const { return output == Output::full || output == Output::retrying; }
  Slot& slot(const Exchange& exchange) { return slots[exchange.sequence - first_sequence]; }

  ServerImpl& server;
  size_t index = 0;  // in ServerImpl::connections_
  UniqueFd fd;
  std::unique_ptr<TlsSession> tls;  // null: it is in clear
  bool awaits_tls = false;          // and its first byte has to begin it
  SocketAddress peer;
  SocketAddress local;
  bool ops = false;
  uint32_t interest = 0;  // what epoll has been told

  // Receiving.
  Phase phase = Phase::idle;  // move_to() changes it
  TimePoint deadline{};
  std::string in;   // read and not used yet
  size_t need = 0;  // bytes of `in` that make the request begun complete; 0: not known
  std::unique_ptr<ChunkedRequest> chunked;
  Intake intake = Intake::open;
  bool begun_anew = true;   // a request was completed since the deadline was set
  bool peer_ended = false;  // its side; it may still read

  // Answering.
  std::vector<Slot> slots;
  uint64_t first_sequence = 0;  // of slots.front()

  // Sending.
  OutBuffer out;
  Output output = Output::flowing;
  TimePoint write_deadline{};
  bool dirty = false;  // is in ServerImpl::dirty_

  IoResult write_out_sealed();

  // Bounds.
  size_t charged = 0;           // its part of ServerStats::buffered_bytes
  Holdings* address = nullptr;  // of its peer; never null
  Holdings* account = nullptr;  // of its payer, who has what it is charged; null: its address has
  const void* payer = nullptr;
  bool stranger = false;  // counts as one of its address
  bool reserved = false;  // came in above the limits: it gets one answer
  std::optional<std::list<ServerConnection*>::iterator> spare;  // its place in ServerImpl::spare_, if any
};

inline void count_answer(ServerStats& stats, int status) {
  if (status >= 500) {
    ++stats.responses_5xx_total;
  } else if (status >= 400) {
    ++stats.responses_4xx_total;
  }
}

class ServerImpl {
 public:
  ServerImpl(EventLoop& loop, ServerOptions options, Server::Handler handler);
  ~ServerImpl();

  void adopt(Handover handover, bool ops);
  Result<SocketAddress> listen_ops(const SocketAddress& address, bool with_ipv4, bool tls);
  void reconfigure(const ServerOptions& options);
  void cut_off(const void* payer);
  void listen_ops(UniqueFd listener, bool tls);
  void begin_stop();
  bool is_idle() const;

  // Of the handles.
  void answer(const Exchange& exchange, const Response& response);
  void begin_stream(const Exchange& exchange, const Response& response);
  bool write_stream(const Exchange& exchange, std::initializer_list<std::string_view> parts);
  void end_stream(const Exchange& exchange);
  void drop_stream(const Exchange& exchange);
  void abandon(const Exchange& exchange);
  void bill(const Exchange& exchange, const void* payer);

  Server::OnUpgrade on_upgrade;
  ServerStats stats;

 private:
  // server.cc
  void on_ready();
  void on_event(ServerConnection& c, uint32_t events);
  void sweep();
  void expire(ServerConnection& c);
  void settle(ServerConnection& c);
  void update_interest(ServerConnection& c);
  void linger(ServerConnection& c);
  void close(ServerConnection& c);

  // server_bounds.cc
  bool is_bounded(const IpAddress& address) const;
  bool is_always_answered(std::string_view bytes) const;
  bool make_room(bool ops);
  void refuse(Handover& handover, int status, const char* detail);
  void enroll(ServerConnection& c, bool bounded, bool reserved);
  void discharge(ServerConnection& c);
  void place(ServerConnection& c);
  void charge(ServerConnection& c);
  void move_charge(ServerConnection& c, Holdings* account);
  bool find_room(ServerConnection& c, size_t cost);
  // The rest of the connections is for the streams of others, and for what is no stream.
  size_t streams_of_one_max() const { return std::max<size_t>(options_.connections_max / 4 * 3, 1); }
  void forget_stream(ServerConnection& c);
  void doom(ServerConnection& c);
  void shed_requests();

  // server_receive.cc
  void read(ServerConnection& c);
  void receive(ServerConnection& c, std::string_view fresh);
  bool may_take_request(const ServerConnection& c) const;
  size_t consume(ServerConnection& c, std::string_view data);
  size_t take_request(ServerConnection& c, std::string_view data);
  size_t take_chunks(ServerConnection& c, std::string_view data);
  void begin_body(ServerConnection& c, const RequestHead& head);
  void dispatch(ServerConnection& c, const RequestHead& head, std::string_view body);
  void hand_over(ServerConnection& c, std::string_view rest);
  void fail(ServerConnection& c, int status, const char* detail);
  void resume_blocked();

  // server_tls.cc
  bool begin_tls(ServerConnection& c);

  // server_send.cc
  std::string& sink_of(ServerConnection& c, Slot& slot);
  void advance(ServerConnection& c);
  void touch(ServerConnection& c);
  void flush_all();
  void flush(ServerConnection& c);
  bool send_pending(ServerConnection& c);

  EventLoop& loop_;
  ServerOptions options_;
  const Server::Handler handler_;
  bool stopping_ = false;
  Poller poller_;
  ListenerSet ops_listeners_;
  std::vector<std::unique_ptr<ServerConnection>> connections_;
  std::list<ServerConnection*> spare_;  // owed nothing, longest unused first; none of the inside
  std::unordered_map<IpAddress, Holdings, IpAddressHash> addresses_;  // that have connections
  std::unordered_map<const void*, Holdings> payers_;                  // as few as there are keys
  size_t requests_bytes_ = 0;
  size_t streams_bytes_ = 0;
  size_t reserved_ = 0;                     // connections that came in above the limits
  std::vector<ServerConnection*> dirty_;    // each at most once
  std::vector<ServerConnection*> blocked_;  // to be looked at in the next turn
  std::vector<std::unique_ptr<ServerConnection>>
      graveyard_;              // events and lists of this turn may still name them
  std::vector<char> scratch_;  // one read at a time, for all connections
  EventLoop::Registration ready_watch_;
  EventLoop::Registration flush_hook_;
  EventLoop::Registration sweep_timer_;
  EventLoop::Registration resume_timer_;
};

}  // namespace gw::http
