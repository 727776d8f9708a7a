// A handshake's head and, behind it, a client's message: whatever is let in and accepted, the agent's
// envelope is UTF-8 and JSON for the strictest of readers, and hardly longer than the message.
#include <cstdint>
#include <string>
#include <variant>

#include "base/assert.h"
#include "base/utf8.h"
#include "gateway/upgrade.h"
#include "json/json_wrapped.h"
#include "protocol/client_message.h"
#include "protocol/envelope.h"

namespace gw {
namespace {

const protocol::EnvelopeWriter kWriter("instance", "websocket:gateway:instance");
constexpr size_t kAroundMax = 1024;

void check_envelope(const Upgrade& upgrade, std::string_view text) {
  std::string scratch;
  const protocol::DecodeResult decoded = protocol::decode(text, scratch);
  const auto* message = decoded ? std::get_if<protocol::ToChannel>(&*decoded) : nullptr;
  if (message == nullptr) return;
  for (const auto& trace : {message->trace, upgrade.trace}) {
    std::string envelope;
    kWriter.append(envelope, {.message_id = "m",
                              .connection_id = "c",
                              .channel = "guide",
                              .message = text,
                              .tenant_id = upgrade.client_id,
                              .trace = trace});
    ASSERT(is_valid_utf8(envelope));
    const auto read = json::parse_wrapped(envelope);
    ASSERT(read);
    ASSERT(text.find(read->find("message")->raw()) != std::string_view::npos);
    ASSERT(envelope.size() <= text.size() + kAroundMax);
    const json::Value* said = read->find("traceparent");
    ASSERT(trace ? protocol::parse_traceparent(json::as_string(*said).value()) == trace
                 : said->raw() == "null");
  }
}

void check(std::string_view input) {
  const http::ParsedHead parsed = http::parse_head(input);
  const auto* head = std::get_if<http::RequestHead>(&parsed);
  if (head == nullptr) return;
  UpgradeOptions options;
  options.allowed_origins = {"*"};
  options.compression = true;
  options.cookie = "session";
  const SocketAddress end = *SocketAddress::parse("127.0.0.1:5000");
  const auto checked = check_upgrade(*head, {end, end}, options, true);
  const auto* upgrade = std::get_if<Upgrade>(&checked);
  if (upgrade == nullptr) return;
  const std::string_view text = input.substr(head->bytes);
  // The WebSocket layer lets nothing else through.
  if (is_valid_utf8(text)) check_envelope(*upgrade, text);
}

}  // namespace
}  // namespace gw

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gw::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
