// HTTP/1.1 for the service API, on the control loop. Connections come from the shards' listeners, after a
// shard has read that their first request is not for /ws, and from the server's own ops listeners.
// Pipelined requests that arrive together are handled in one turn; everything a turn has to say to a
// connection leaves in one write at its end.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/time.h"
#include "net/event_loop.h"
#include "net/http/message.h"
#include "net/socket.h"
#include "net/tls_session.h"

namespace gw::http {

struct ServerOptions {
  // Above it the connection that is unused for longest makes room; when all are in use, 503 and close.
  size_t connections_max = 10'000;
  // Of one address, such as nobody has billed to a payer; above it 429 and close. 0: no bound. Loopback and
  // trusted proxies stand for many and have none.
  size_t address_connections_max = 0;
  size_t body_bytes_max = size_t{1} << 20;     // above it: 413, before the body is read
  size_t stream_bytes_max = size_t{16} << 20;  // unsent bytes of one stream; above it write() refuses
  // Unparsed bytes and unsent answers of all together: above it the address that holds most loses its
  // largest.
  size_t requests_bytes_max = size_t{64} << 20;
  // Unsent bytes of all streams together: above it the payer that holds most loses its largest stream.
  size_t streams_bytes_max = size_t{192} << 20;
  size_t pipeline_max = 64;      // unanswered requests of one connection; above it no reading
  Duration head_timeout = 5s;    // first byte of a head to its last
  Duration body_timeout = 10s;   // end of the head to the body's last byte; both: 408
  Duration idle_timeout = 75s;   // between requests
  Duration write_timeout = 30s;  // a peer that takes nothing for so long is closed
  std::vector<IpNetwork> trusted_proxies;
  TlsContextPtr tls = {};                            // of ops listeners that speak it
  std::vector<std::string> upgrade_paths = {"/ws"};  // requests for them go to on_upgrade
  std::vector<std::string> always_paths;             // answered above the limits of connections too
};

struct ServerStats {
  uint64_t requests_total = 0;
  uint64_t responses_4xx_total = 0;
  uint64_t responses_5xx_total = 0;
  uint64_t connections_total = 0;
  size_t connections = 0;
  size_t streams = 0;
  size_t buffered_bytes = 0;
  TlsStats tls;  // of ops listeners; the others' are the shards'
};

struct Exchange;

// An open event stream. A copy is another handle of the same stream. Control loop only; every call is
// allowed at any time, a closed stream ignores them.
class Stream {
 public:
  Stream() = default;

  bool is_open() const;
  // Appends to the buffer that leaves at the end of the turn. False, and nothing is written: closed, no room
  // for all of it within stream_bytes_max, or it had to give way to others (streams_bytes_max).
  bool write(std::string_view bytes);
  // Appended in one step, so that an event is whole or not there; spares the caller a copy.
  bool write(std::initializer_list<std::string_view> parts);
  size_t buffered_bytes() const;
  // Runs once when the stream ends for any reason but close(): the client left or stalled, the server
  // stopped.
  void on_close(std::function<void()> function);
  // Flushes what is buffered and ends the stream.
  void close();
  // Ends the stream, and the connection with it, without what is buffered: its client is too slow to ever get
  // it.
  void drop();

 private:
  friend class Responder;
  explicit Stream(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  std::shared_ptr<Exchange> exchange_;
};

// Answers one request, once: in the handler or later. Copies are handles of the same answer; when the last
// goes without one, the client gets a 500. After the connection has gone, answers are ignored.
class Responder {
 public:
  void send(Response response);
  // The head of `response` (its body is ignored), then a body that goes on until close().
  Stream stream(const Response& response);
  // Who answers for the memory of the stream that this may become: a key that was shown and is right. Equal
  // pointers are one payer. The connection does not count against its address from then on.
  void bill(const void* payer);
  // A line for the head of whatever will be answered; the rules of Response::header().
  void add_header(std::string_view name, std::string_view value);
  // Whether somebody still waits for it.
  bool is_waiting() const;
  // The client has closed its side: it may still read, but most have gone.
  bool peer_ended() const;

 private:
  friend class ServerImpl;
  explicit Responder(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}
  std::shared_ptr<Exchange> exchange_;
};

// A connection on its way between a shard and the server.
struct Handover {
  UniqueFd fd;
  std::string bytes;  // read from it already and not yet used
  SocketAddress peer;
  SocketAddress local;
  bool returned = false;                 // from the server back to a shard, which answers it whatever it is
  bool proxy_protocol = false;           // of its listener: a trusted proxy's header comes first
  bool awaits_tls = false;               // of its listener
  std::unique_ptr<TlsSession> tls = {};  // null: it is in clear, or nothing of TLS has come yet
};

class ServerImpl;

class Server {
 public:
  using Handler = std::function<void(Request&, Responder)>;
  using OnUpgrade = std::function<void(Handover)>;

  // `loop` outlives the server.
  Server(EventLoop& loop, ServerOptions options, Handler handler);
  // Closes everything; streams hear of it, later answers are ignored.
  ~Server();

  // A kept-alive connection whose next request is for an upgrade path goes back whole, head included.
  void on_upgrade(OnUpgrade function);
  void adopt(Handover connection);
  // An ops listener: its requests carry `ops`. Answers the address it got.
  Result<SocketAddress> listen_ops(const SocketAddress& address, bool with_ipv4 = false, bool tls = false);
  void listen_ops(UniqueFd listener, bool tls = false);

  // Other bounds of addresses, other proxies and certificates; the rest of the options stays as it is.
  void reconfigure(const ServerOptions& options);
  // Ends the streams of this payer, without what is buffered.
  void cut_off(const void* payer);

  // Drain: no new connections, idle ones close, the others after their answer. Streams are their owners' to
  // end.
  void begin_stop();
  bool is_idle() const;  // nothing is being answered or streamed

  const ServerStats& stats() const;

 private:
  std::unique_ptr<ServerImpl> impl_;
};

}  // namespace gw::http
