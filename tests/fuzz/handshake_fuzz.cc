// A request head, its lines ended by \n, through the handshake checks and the negotiation of compression.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "ws/deflate.h"
#include "ws/handshake.h"
#include "ws/token.h"

namespace gw::ws {
namespace {

std::string_view take_until(std::string_view& text, char end) {
  const size_t size = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return taken;
}

void check_answer(const Handshake& handshake, const std::string& deflate) {
  std::string response;
  const std::string_view chosen = handshake.subprotocols.empty() ? "" : handshake.subprotocols.front();
  append_switching_protocols(response, {handshake.accept_key, chosen, deflate});
  // Nothing that a client sent can add a line to the answer.
  const auto lines = std::count(response.begin(), response.end(), '\n');
  ASSERT(lines == 5 + (chosen.empty() ? 0 : 1) + (deflate.empty() ? 0 : 1));
  ASSERT(response.find("\r\n\r\n") == response.size() - 4);
}

void check_handshake(const Handshake& handshake) {
  ASSERT(handshake.accept_key.size() == 28);
  ASSERT(handshake.subprotocols.size() <= kSubprotocolsMax);
  ASSERT(std::all_of(handshake.subprotocols.begin(), handshake.subprotocols.end(), is_token));
  ASSERT(handshake.extensions.size() <= kExtensionOffersMax);
  for (const ExtensionOffer& offer : handshake.extensions) {
    ASSERT(is_token(offer.name) && offer.parameters.size() <= kExtensionParametersMax);
    for (const ExtensionParameter& p : offer.parameters)
      ASSERT(is_token(p.name) && (!p.value || is_token(*p.value)));
  }
  check_answer(handshake, negotiate_deflate(handshake.extensions).value_or(""));
}

void check(std::string_view input) {
  std::string_view line = take_until(input, '\n');
  UpgradeRequest request;
  request.method = take_until(line, ' ');
  request.target = take_until(line, ' ');
  request.http_version = line == "HTTP/1.0" ? 10 : 11;
  std::vector<HttpField> fields;
  while (!input.empty()) {
    line = take_until(input, '\n');
    const std::string_view name = take_until(line, ':');
    fields.push_back({name, line});
  }
  request.fields = fields;

  const HandshakeResult result = check_upgrade(request);
  if (result) return check_handshake(*result);
  const unsigned status = static_cast<unsigned>(result.error().status);
  ASSERT(status == 400 || status == 405 || status == 426);
  ASSERT(!result.error().reason.empty());
  ASSERT((status == 400) == result.error().fields.empty());  // the others say what would be right
}

}  // namespace
}  // namespace gw::ws

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gw::ws::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
