// What a client may send, decoded (docs/PROTOCOL.md, "Client to gateway"). Pure: no channel table, no
// session.
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/codes.h"
#include "protocol/traceparent.h"

namespace gw::protocol {

inline constexpr size_t kIdCharactersMax = 64;  // Unicode code points
inline constexpr size_t kReasonCharactersMax = 256;
inline constexpr int64_t kCoalesceMsMax = 1000;

// A client's name for its message.
struct MessageId {
  std::string_view raw;  // JSON as written: what an ack or an error carries
  std::string_view key;  // its one canonical JSON form: equal ids have equal keys, "1" and 1 have not
};

// That a message asks for a run of its answer.
struct RunAsk {
  std::string_view thread_id;        // any string; empty: none
  std::string_view format = "text";  // or "json"
};

// For the agents of a channel. The envelope carries the whole text, so only what routes it is read here.
struct ToChannel {
  std::string_view channel;  // any string: whether there is such a channel is the router's to say
  Intent intent = Intent::chat;
  std::string_view payload;  // raw object; empty in the older form without one
  std::optional<MessageId> id;
  std::optional<TraceContext> trace;  // its traceparent, when that is valid
  std::optional<RunAsk> run;          // with an id only
};
struct Subscribe {
  std::string_view channel;
  std::optional<MessageId> id;
};
struct Unsubscribe {
  std::string_view channel;
  std::optional<MessageId> id;
};
// Who is on the channel?
struct Presence {
  std::string_view channel;
  std::optional<bool> watch;  // from now on, who comes and goes; absent: as it was
  std::optional<MessageId> id;
};
struct Authenticate {
  std::string_view session_token;
  std::optional<MessageId> id;
};
// Of run_id and thread_id there is one; whether they, and the cursor, can be ones is the router's to say.
struct Attach {
  std::string_view run_id;
  std::string_view thread_id;
  std::optional<std::string_view> cursor;
  uint16_t coalesce_ms = 0;  // 0 to kCoalesceMsMax
  std::optional<MessageId> id;
};
struct Detach {
  std::string_view run_id;
  std::optional<MessageId> id;
};
struct Cancel {
  std::string_view run_id;
  std::string_view reason;  // at most kReasonCharactersMax
  std::optional<MessageId> id;
};
struct Ping {};
struct Heartbeat {};
struct Pong {};

using ClientMessage = std::variant<ToChannel, Subscribe, Unsubscribe, Presence, Authenticate, Attach, Detach,
                                   Cancel, Ping, Heartbeat, Pong>;

// Ready to be sent as an `error`.
struct ClientError {
  ErrorCode code = ErrorCode::invalid_message;  // or invalid_json
  std::string message;                          // names the field at fault, never its content
  std::optional<MessageId> id;
};
[[noreturn]] void throw_exception_from_error(const ClientError& error, const boost::source_location& where);

using DecodeResult = boost::system::result<ClientMessage, ClientError>;

// `text` is valid UTF-8 (the WebSocket layer checked it). The views of the result point into `text` and,
// where something had to be unescaped or put together, into `scratch`, which decode clears: both must stay
// until the result is done with. One scratch per thread will do.
DecodeResult decode(std::string_view text, std::string& scratch);

}  // namespace gw::protocol
