// What a client without a WebSocket says: it reads its messages as events and posts its own, to whichever
// instance its requests come to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace gw {

// What a client shows with each post: it was told to this one alone, and says where its stream is.
struct SendToken {
  ConnectionId connection;
  std::string secret;    // 128 random bits in hex
  std::string instance;  // that holds the stream

  static SendToken make(const ConnectionId& connection, std::string_view instance);
  static std::optional<SendToken> parse(std::string_view text);
  std::string text() const;
};

struct ClientPost {
  SendToken token;
  uint64_t number = 0;   // from 1 on; each is taken once, and after the one before it
  bool is_list = false;  // a message a line; else all of the body is one
  std::string body;
};

// What became of it.
struct PostVerdict {
  enum class Kind : uint8_t {
    taken,         // now or before
    unknown,       // nobody is connected who has that token
    out_of_order,  // `next` comes first
    over_rate,     // nothing was taken: later
    behind,        // the same, and it is not the client's fault
  };
  Kind kind = Kind::unknown;
  uint64_t next = 0;  // the number that is wanted; 0: unknown
};

}  // namespace gw
