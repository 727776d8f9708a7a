// The server under test and how it is spoken to. Four dialects: our gateway; a plain WebSocket server
// with /, /echo and /publish (bench/peers); nginx with nchan; Centrifugo's JSON protocol.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "load/http_client.h"
#include "load/loop.h"
#include "load/ws_client.h"

namespace gw::bench {

enum class Dialect { gateway, plain, nchan, centrifugo };

struct Target {
  std::vector<sockaddr_in> addresses;  // of the gateway's instances; the others have one
  Dialect dialect = Dialect::plain;
  std::string api_key;  // of the gateway, and of Centrifugo
  bool hears = false;   // its subscribers are published to: Centrifugo's have to say so first

  // The n-th client's, in turn.
  const sockaddr_in& address(size_t n = 0) const { return addresses[n % addresses.size()]; }
  // The gateway's first message is a welcome; only then is a connection through. Centrifugo's is an answer.
  bool welcomes() const { return dialect == Dialect::gateway || dialect == Dialect::centrifugo; }
  bool is_welcome(std::string_view text) const;
  // What it sends before that one, each in a message of its own or together with it.
  bool is_before_welcome(std::string_view text) const;
  // What a client says first; empty: nothing.
  std::string_view hello() const;
  // What has to be said to `text` or the server closes; empty: nothing.
  std::string_view reply_to(std::string_view text) const;
  bool has_sessions() const { return dialect == Dialect::gateway; }
  // What a subscriber asks for. The gateway wants a session token, the others take none.
  std::string subscriber_resource(std::string_view token) const;
  std::string talker_resource(std::string_view token) const;
};

// Makes `count` sessions, each of a user of its own, over the gateway's API; returns their tokens. Other
// dialects have no sessions: empty strings.
std::vector<std::string> make_sessions(Loop& loop, const Target& target, size_t count);
// Whose a session is.
std::string session_user(std::string_view token);

// The one who publishes to all subscribers, over the cheapest door that the server has for it.
class Publisher {
 public:
  virtual ~Publisher() = default;
  // All of them in one write, so that they arrive together.
  virtual void publish(std::span<const std::string> messages) = 0;
  // Publications not answered yet; always 0 where nothing is answered. A refusal throws.
  virtual size_t unanswered() const = 0;
};

std::unique_ptr<Publisher> make_publisher(Loop& loop, const Target& target);

}  // namespace gw::bench
