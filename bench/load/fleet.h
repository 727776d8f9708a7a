// Many clients of one server: opened at a bounded rate, counted, closed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "load/histogram.h"
#include "load/loop.h"
#include "load/target.h"
#include "load/ws_client.h"

namespace gw::bench {

struct Pace {
  size_t concurrency = 128;  // handshakes under way at once
  double per_second = 0;     // 0: as fast as the concurrency lets them
};

class Fleet final : private WsClient::Listener {
 public:
  using OnText = std::function<void(WsClient&, std::string_view)>;
  // What each client asks for, by its index.
  using ResourceOf = std::function<std::string(size_t)>;
  // What the n-th says as soon as the handshake is done, without waiting for a welcome.
  using FirstWords = std::function<std::string(size_t)>;
  // Whether a client is through with this message, one of those before it is.
  using IsThrough = std::function<bool(WsClient&, std::string_view)>;

  Fleet(Loop& loop, const Target& target, size_t count, ResourceOf resource_of);

  // Opens all that are not, and returns when all are through, the gateway's welcome included.
  void open_all(const Pace& pace);
  // Closes all, and returns when the server has ended every connection.
  void close_all();
  // From connect() to being through, of every connection opened so far.
  const Histogram& open_times() const { return open_times_; }

  // Before open_all(): what else each says, and what it waits for instead of the welcome.
  void on_handshake(FirstWords words) { first_words_ = std::move(words); }
  void through_when(IsThrough is_through) { is_through_ = std::move(is_through); }

  // Called with each message after the one with which a client is through.
  void on_text(OnText handler) { handler_ = std::move(handler); }

  size_t size() const { return clients_.size(); }
  WsClient& client(size_t index) { return *clients_[index]; }

 private:
  void start(size_t index);
  void on_open(WsClient& client) override;
  void on_text(WsClient& client, std::string_view text) override;
  void on_closed(WsClient& client, uint16_t code) override;
  void through(WsClient& client);

  struct Progress {
    int64_t started_ns = 0;
    bool through = false;
  };

  Loop& loop_;
  const Target& target_;
  ResourceOf resource_of_;
  OnText handler_;
  FirstWords first_words_;
  IsThrough is_through_;
  std::vector<std::unique_ptr<WsClient>> clients_;
  std::vector<Progress> progress_;
  size_t connecting_ = 0;
  size_t through_ = 0;
  bool closing_ = false;
  Histogram open_times_;
};

}  // namespace gw::bench
