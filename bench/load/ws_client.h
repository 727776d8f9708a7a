// One WebSocket client (RFC 6455) over a non-blocking socket. Written apart from src/ws on purpose: the
// gateway's codec is then checked by one that shares none of its mistakes. What a correct server never
// sends (a masked frame, a wrong accept key) throws.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "load/loop.h"

namespace gw::bench {

class WsClient final : public Loop::Handler {
 public:
  // A listener may send and close inside a callback, but connects again only outside of them.
  class Listener {
   public:
    virtual void on_open(WsClient& client) = 0;
    virtual void on_text(WsClient& client, std::string_view text) = 0;
    // The connection is gone. `code` is the server's close code, 1006 if it sent none.
    virtual void on_closed(WsClient& client, uint16_t code) = 0;

   protected:
    ~Listener() = default;
  };

  WsClient(Loop& loop, Listener& listener, uint32_t index);
  ~WsClient();
  WsClient(const WsClient&) = delete;
  WsClient& operator=(const WsClient&) = delete;

  uint32_t index() const { return index_; }
  bool is_open() const { return state_ == State::open; }

  // `resource` is what the request line asks for: path and query.
  void connect(const sockaddr_in& server, const sockaddr_in& source, std::string_view resource);
  // Queued until flush(), or until the end of the read in whose callback it was queued.
  void queue_text(std::string_view text);
  void flush();
  // Starts the closing handshake with code 1000; on_closed() follows when the server has ended the
  // connection.
  void close();

  void on_ready(uint32_t events) override;

 private:
  enum class State { closed, connecting, handshake, open, closing };

  void queue_frame(uint8_t opcode, std::string_view payload);
  void finish_connect();
  void read();
  size_t take(std::string_view bytes);
  size_t take_handshake(std::string_view bytes);
  size_t take_frames(std::string_view bytes);
  void on_frame(uint8_t opcode, std::string_view payload);
  void ended();
  void want(uint32_t events);

  Loop& loop_;
  Listener& listener_;
  const uint32_t index_;
  int fd_ = -1;
  State state_ = State::closed;
  uint16_t close_code_ = 1006;
  bool in_read_ = false;
  uint32_t events_ = 0;
  std::string resource_;
  std::string unread_;  // the start of an unfinished frame
  std::string unsent_;
};

}  // namespace gw::bench
