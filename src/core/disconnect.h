// Why the gateway ends a connection: one table, so that no code invents a number.
// Existing front ends send a user to the login page on 1008, 4001 and 4003 and never retry.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gw {

struct Disconnect {
  uint16_t code;
  std::string_view reason;  // static storage; at most 123 bytes (RFC 6455 5.5)

  friend bool operator==(const Disconnect& a, const Disconnect& b) { return a.code == b.code; }
};

namespace disconnect {

inline constexpr Disconnect going_away{1001, ""};
inline constexpr Disconnect restart{1012, "Service restart"};
inline constexpr Disconnect internal{4000, "Internal error"};
inline constexpr Disconnect invalid_session{4001, "invalid session"};
inline constexpr Disconnect session_ended{4003, "session ended"};
inline constexpr Disconnect connection_limit{4004, "Connection limit exceeded"};
inline constexpr Disconnect capacity{4005, "Server at capacity"};
inline constexpr Disconnect slow_consumer{4008, "Slow consumer"};
inline constexpr Disconnect stale{4009, "Connection evicted (stale)"};
inline constexpr Disconnect replaced{4010, "replaced"};  // by the same client: never to come back
inline constexpr Disconnect rate_limited{4029, "Rate limit exceeded"};
inline constexpr Disconnect message_timeout{1002, "Message not finished in time"};

// Those that somebody with a key may choose; the first where he does not. To send users to their login page
// one ends or suspends the session.
inline constexpr std::array kByOperator{
    Disconnect{1012, "Disconnected by an operator"},             // come back
    Disconnect{4009, "Disconnected by an operator"},             // the same
    Disconnect{4010, "Disconnected by an operator: stay away"},  // never come back
};

}  // namespace disconnect
}  // namespace gw
