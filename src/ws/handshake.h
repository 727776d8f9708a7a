// The server's side of the opening handshake (RFC 6455 4.2), as pure checks of a parsed request.
// Who may connect (origin, session, limits) is the gateway's to say.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/http_field.h"
#include "ws/extensions.h"

namespace gw::ws {

// Views into the caller's buffer.
struct UpgradeRequest {
  std::string_view method;
  unsigned http_version = 11;  // 10 * major + minor
  std::string_view target;
  HttpFields fields;
};

struct Handshake {
  std::string accept_key;
  // As offered, in order, over all fields. Views into the request.
  std::vector<std::string_view> subprotocols;
  // Views into the request.
  std::vector<ExtensionOffer> extensions;
};

struct HandshakeRefusal {
  unsigned status;          // 400, 405 or 426
  std::string_view reason;  // a sentence naming the field at fault; a literal
  HttpFields fields;        // to add to the response; literals. Upgrade and Connection with 426,
                            // Sec-WebSocket-Version as well when that was the trouble; Allow with 405.
};

using HandshakeResult = boost::system::result<Handshake, HandshakeRefusal>;
// value() of a refusal is a bug; boost::system::result asks for this hook.
[[noreturn]] void throw_exception_from_error(const HandshakeRefusal& refusal,
                                             const boost::source_location& where);

inline constexpr size_t kSubprotocolsMax = 32;

HandshakeResult check_upgrade(const UpgradeRequest& request);

// Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 4.2.2 5.4).
std::string accept_key(std::string_view key);

struct HandshakeAnswer {
  std::string_view accept_key;
  std::string_view subprotocol = {};  // empty: none
  std::string_view extensions = {};   // from negotiate_deflate; empty: none
};

// The whole 101 response up to and including its blank line.
void append_switching_protocols(std::string& out, const HandshakeAnswer& answer);

}  // namespace gw::ws
