// Close codes of RFC 6455 7.4 and the IANA registry. The gateway's own (4000-4999) are core's.
#pragma once

#include <cstdint>

namespace gw::ws {

using CloseCode = uint16_t;

namespace close_code {
inline constexpr CloseCode normal = 1000;
inline constexpr CloseCode going_away = 1001;
inline constexpr CloseCode protocol_error = 1002;
inline constexpr CloseCode unsupported_data = 1003;
inline constexpr CloseCode no_status = 1005;  // what an empty close frame means; never on the wire
inline constexpr CloseCode abnormal = 1006;   // no close frame at all; never on the wire
inline constexpr CloseCode invalid_payload = 1007;
inline constexpr CloseCode message_too_big = 1009;
inline constexpr CloseCode internal_error = 1011;
}  // namespace close_code

// May stand in a close frame: 1000-1003 and 1007-1014 (defined), 3000-3999 (registered), 4000-4999
// (private). 1004, 1005, 1006, 1015 and everything else may not (RFC 6455 7.4.1, 7.4.2).
constexpr bool is_wire_close_code(CloseCode code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

}  // namespace gw::ws
