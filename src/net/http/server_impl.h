// The inside of Server: server.cc (life of connections), server_receive.cc (bytes to requests),
// server_send.cc (answers to bytes).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/http/chunked.h"
#include "net/http/head.h"
#include "net/http/response_writer.h"
#include "net/http/server.h"

namespace gw::http {

class ServerImpl;
struct Connection;

// What Responder and Stream handles share. It goes with the last of them.
struct Exchange {
  Exchange(Connection* c, uint64_t s) : connection(c), sequence(s) {}
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  Connection* connection;  // null: the answer can reach nobody any more
  const uint64_t sequence;
};

// A request whose answer is not wholly on its way. Answers leave in the order of the requests.
struct Slot {
  Exchange* exchange = nullptr;  // null: no handle is left
  std::string bytes;             // only while it is not the first
  std::function<void()> on_close;
  bool answered = false;
  bool complete = false;  // nothing will be added
  bool streaming = false;
  bool head_only = false;
  bool close_after = false;
  bool http10 = false;
};

struct Connection {
  enum class Phase : uint8_t {
    idle,       // between requests
    head,       // some of a head is there
    body,       // the head is there, some of the body is missing
    answering,  // a handler or a stream is at work; no deadline of ours
    lingering,  // all is said; reads on, so that a reset does not swallow the last answer
    closed,     // waits to be freed
  };
  struct ChunkedRequest {
    std::string head;
    std::string body;
    ChunkedDecoder decoder;
  };

  explicit Connection(ServerImpl& owner) : server(owner) {}

  size_t unsent() const { return out.size() - out_sent; }
  Slot& slot(const Exchange& exchange) { return slots[exchange.sequence - first_sequence]; }

  ServerImpl& server;
  size_t index = 0;  // in ServerImpl::connections_
  UniqueFd fd;
  SocketAddress peer;
  SocketAddress local;
  bool ops = false;
  uint32_t interest = 0;  // what epoll has been told

  // Receiving.
  Phase phase = Phase::idle;
  TimePoint deadline{};
  std::string in;   // read and not used yet
  size_t need = 0;  // bytes of `in` that make the request begun complete; 0: not known
  std::unique_ptr<ChunkedRequest> chunked;
  bool begun_anew = true;     // a request was completed since the deadline was set
  bool blocked = false;       // `in` may hold more requests, to be taken once answers have left
  bool last_request = false;  // nothing more is taken from it
  bool peer_ended = false;

  // Answering.
  std::vector<Slot> slots;
  uint64_t first_sequence = 0;  // of slots.front()

  // Sending.
  std::string out;
  size_t out_sent = 0;
  bool writable = true;  // false: the socket is full, epoll will tell
  bool stalled = false;  // unsent bytes wait since the deadline was set
  TimePoint write_deadline{};
  bool dirty = false;  // is in ServerImpl::dirty_
  size_t charged = 0;  // its part of ServerStats::buffered_bytes
};

class ServerImpl {
 public:
  ServerImpl(EventLoop& loop, ServerOptions options, Server::Handler handler);
  ~ServerImpl();

  void adopt(Handover handover, bool ops);
  Result<SocketAddress> listen_ops(const SocketAddress& address, bool with_ipv4);
  void begin_stop();
  bool is_idle() const;

  // Of the handles.
  void answer(const Exchange& exchange, const Response& response);
  void begin_stream(const Exchange& exchange, const Response& response);
  bool write_stream(const Exchange& exchange, std::initializer_list<std::string_view> parts);
  void end_stream(const Exchange& exchange);
  void abandon(const Exchange& exchange);

  Server::OnUpgrade on_upgrade;
  ServerStats stats;

 private:
  struct OpsListener {
    UniqueFd fd;
    EventLoop::Registration watch;
    EventLoop::Registration rest;
  };

  // server.cc
  void on_ready();
  void on_event(Connection& c, uint32_t events);
  void accept_ops(OpsListener& listener);
  void sweep();
  void expire(Connection& c);
  void settle(Connection& c);
  void update_interest(Connection& c);
  void charge(Connection& c);
  void linger(Connection& c);
  void close(Connection& c);

  // server_receive.cc
  void read(Connection& c);
  void receive(Connection& c, std::string_view fresh);
  bool may_take_request(const Connection& c) const;
  size_t consume(Connection& c, std::string_view data);
  size_t take_request(Connection& c, std::string_view data);
  size_t take_chunks(Connection& c, std::string_view data);
  void begin_body(Connection& c, const RequestHead& head);
  void dispatch(Connection& c, const RequestHead& head, std::string_view body);
  void hand_over(Connection& c, std::string_view rest);
  void fail(Connection& c, int status, const char* detail);
  void resume_blocked();

  // server_send.cc
  std::string& sink_of(Connection& c, Slot& slot);
  void advance(Connection& c);
  void touch(Connection& c);
  void flush_all();
  void flush(Connection& c);
  bool send_pending(Connection& c);
  void count_response(int status);

  EventLoop& loop_;
  const ServerOptions options_;
  const Server::Handler handler_;
  bool stopping_ = false;
  UniqueFd epoll_;
  std::vector<std::unique_ptr<OpsListener>> ops_listeners_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> dirty_;                      // each at most once
  std::vector<Connection*> blocked_;                    // to be looked at in the next turn
  std::vector<std::unique_ptr<Connection>> graveyard_;  // events and lists of this turn may still name them
  std::vector<char> scratch_;                           // one read at a time, for all connections
  EventLoop::Registration ready_watch_;
  EventLoop::Registration flush_hook_;
  EventLoop::Registration sweep_timer_;
  EventLoop::Registration resume_timer_;
};

}  // namespace gw::http
