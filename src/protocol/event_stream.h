// What a client without a WebSocket gets instead of frames: Server-Sent Events (WHATWG HTML, 9.2). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gw::protocol {

// One message. Its line ends, which JSON has between its tokens alone, all arrive as "\n".
void append_event(std::string& out, std::string_view text);
// The last of a stream: what a WebSocket's close frame says.
void append_close_event(std::string& out, uint16_t code, std::string_view reason);
// That we are there; no event.
void append_comment(std::string& out);

}  // namespace gw::protocol
