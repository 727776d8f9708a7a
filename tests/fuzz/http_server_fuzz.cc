// The HTTP server over real sockets, and the hand-over between it and a shard: whatever comes in whatever
// pieces, a connection is passed back at most once and no memory exceeds its bound. The input is a list of
// steps, each a byte that says what happens and one that says to whom or how much.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/log.h"
#include "net/event_loop.h"
#include "net/http/head.h"
#include "net/http/server.h"

using namespace gw;

namespace {

constexpr size_t kStepsMax = 200;
constexpr Duration kTurn = 200us;  // long enough to ask the kernel, when nothing is ready
constexpr size_t kReserve = 100;   // for what is answered above the limit
constexpr size_t kReadBytes = 64 * 1024;
constexpr size_t kUnsentBytesMax = size_t{1} << 20;
constexpr size_t kAnswerBytesMax = 2048;  // head included

http::ServerOptions server_options() {
  http::ServerOptions options;
  options.connections_max = 3;
  options.address_connections_max = 2;
  options.body_bytes_max = 2000;
  options.stream_bytes_max = 60'000;
  options.requests_bytes_max = 400'000;
  options.streams_bytes_max = 100'000;
  options.pipeline_max = 4;
  options.trusted_proxies = {*IpNetwork::parse("10.0.0.0/8")};
  options.always_paths = {"/health"};
  return options;
}

// What one connection may hold at the very most: a head and a body that are not complete and one read behind
// them, the unsent answers, and a stream.
size_t connection_bytes_max(const http::ServerOptions& options) {
  return http::kHeadBytesMax + 2 + options.body_bytes_max + kReadBytes + kUnsentBytesMax +
         options.pipeline_max * kAnswerBytesMax + options.stream_bytes_max;
}

constexpr std::string_view kTexts[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET /ws HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://a/ws/?b HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /health HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1500\r\nExpect: 100-continue\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
    "0\r\n\r\n",
    "GET /stream HTTP/1.0\r\n\r\n",
};

class Driver {
 public:
  Driver()
      : server_(loop_, options_, [this](http::Request& request, http::Responder responder) {
          handle(request, std::move(responder));
        }) {
    server_.on_upgrade([](http::Handover handover) {
      // The shard asks the same question of the same bytes, and has to take it.
      ASSERT(handover.returned);
      ASSERT(http::is_request_for(handover.bytes, "/ws").value_or(false));
      ASSERT(std::holds_alternative<http::RequestHead>(http::parse_head(handover.bytes)));
    });
  }

  void step(uint8_t what, uint8_t argument, std::string_view& rest) {
    Peer* peer = peers_.empty() ? nullptr : &peers_[argument % peers_.size()];
    switch (what % 11) {
      case 0: connect(argument); break;
      case 1:
        if (peer) say(*peer, take(rest, argument));
        break;
      case 2:
      case 3:
        if (peer) say(*peer, kTexts[what / 11 % std::size(kTexts)]);
        break;
      case 4:
        if (peer) say(*peer, std::string(60'000, 'x'));
        break;
      case 5:
        if (peer) hear(*peer);
        break;
      case 6:
        if (peer) ::shutdown(peer->fd.get(), SHUT_WR);
        break;
      case 7:
        if (peer) peers_.erase(peers_.begin() + (peer - peers_.data()));
        break;
      case 8: answer(argument); break;
      case 9:
        if (!streams_.empty()) streams_[argument % streams_.size()].write(std::string(argument * 64u, 'e'));
        break;
      case 10: end_stream(argument); break;
    }
    loop_.turn(kTurn);
    check();
  }

  // When all have left, nothing of theirs is kept.
  void finish() {
    peers_.clear();
    for (int i = 0; i < 20; ++i) loop_.turn(kTurn);
    streams_.clear();
    waiting_.clear();
    for (int i = 0; i < 20; ++i) loop_.turn(kTurn);
    ASSERT(server_.stats().connections == 0);
    ASSERT(server_.stats().buffered_bytes == 0);
    ASSERT(server_.stats().streams == 0);
  }

 private:
  struct Peer {
    UniqueFd fd;
    UniqueFd inner;     // until it has said whom it is for
    std::string shard;  // what it has said until then
    SocketAddress from;
  };

  void handle(http::Request& request, http::Responder responder) {
    ASSERT(request.path.starts_with('/'));
    ASSERT(request.body.size() <= options_.body_bytes_max);
    if (request.path == "/later") return waiting_.push_back(std::move(responder));
    if (request.path != "/stream") return responder.send(http::Response::json(200, std::string(1000, 'a')));
    responder.bill(&payers_[request.target.size() % payers_.size()]);
    streams_.push_back(responder.stream({}));
  }

  static std::string take(std::string_view& rest, size_t size) {
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(taken.size());
    return std::string(taken);
  }

  void connect(uint8_t from) {
    if (peers_.size() == 8) return;
    std::array<int, 2> ends{};
    ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    SocketAddress address{*IpAddress::parse("203.0.113.1"), from};
    address.ip.bytes[15] = static_cast<unsigned char>(from % 4);
    peers_.push_back({UniqueFd(ends[0]), UniqueFd(ends[1]), {}, address});
  }

  // Until it is clear whom it is for, a shard reads.
  void say(Peer& peer, std::string_view text) {
    if (!peer.inner) {
      write_some(peer.fd.get(), text);
      return;
    }
    peer.shard += text;
    const auto for_shard = http::is_request_for(peer.shard, "/ws");
    if (!for_shard) return;
    if (*for_shard) return peer.inner.reset();
    server_.adopt({std::move(peer.inner), std::move(peer.shard), peer.from, peer.from});
  }

  void hear(Peer& peer) {
    std::array<char, 65536> buffer;
    for (int i = 0; i < 64 && read_some(peer.fd.get(), buffer).status == IoResult::Status::ok; ++i) {
    }
  }

  void answer(uint8_t which) {
    if (waiting_.empty()) return;
    const auto chosen = waiting_.begin() + which % static_cast<std::ptrdiff_t>(waiting_.size());
    if (which % 5 != 0) chosen->send(http::Response::json(200, std::string(1000, 'b')));
    waiting_.erase(chosen);
  }

  void end_stream(uint8_t which) {
    if (streams_.empty()) return;
    const auto chosen = streams_.begin() + which % static_cast<std::ptrdiff_t>(streams_.size());
    if (which % 3 == 0) chosen->close();
    if (which % 3 == 1) chosen->drop();
    streams_.erase(chosen);
  }

  void check() const {
    const http::ServerStats& stats = server_.stats();
    ASSERT(stats.connections <= options_.connections_max + kReserve);
    ASSERT(stats.buffered_bytes <= stats.connections * connection_bytes_max(options_));
    // Of all together, but for what one turn adds.
    ASSERT(stats.buffered_bytes <= options_.requests_bytes_max + options_.streams_bytes_max +
                                       8 * (kReadBytes + options_.pipeline_max * kAnswerBytesMax));
    const auto open = std::count_if(streams_.begin(), streams_.end(),
                                    [](const http::Stream& stream) { return stream.is_open(); });
    ASSERT(stats.streams == static_cast<size_t>(open));
  }

  const http::ServerOptions options_ = server_options();
  std::array<int, 3> payers_{};
  EventLoop loop_;
  std::vector<http::Responder> waiting_;
  std::vector<http::Stream> streams_;
  std::vector<Peer> peers_;
  http::Server server_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool quiet = [] {
    log::Options options;
    options.level = log::Level::error;
    log::init(options);
    return true;
  }();
  ASSERT(quiet);
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  Driver driver;
  for (size_t i = 0; i < kStepsMax && rest.size() >= 2; ++i) {
    const auto what = static_cast<uint8_t>(rest[0]);
    const auto argument = static_cast<uint8_t>(rest[1]);
    rest.remove_prefix(2);
    driver.step(what, argument, rest);
  }
  driver.finish();
  return 0;
}
