#include "protocol/event_stream.h"

#include "json/json.h"

namespace gw::protocol {

void append_event(std::string& out, std::string_view text) {
  while (true) {
    const size_t end = text.find_first_of("\r\n");
    out.append("data: ").append(text.substr(0, end)).push_back('\n');
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + (text.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  out.push_back('\n');
}

void append_close_event(std::string& out, uint16_t code, std::string_view reason) {
  std::string told = R"({"code":)" + std::to_string(code) + R"(,"reason":)";
  json::append_quoted(told, reason);
  told.push_back('}');
  out.append("event: close\n");
  append_event(out, told);
}

void append_comment(std::string& out) { out.append(":\n\n"); }

}  // namespace gw::protocol
