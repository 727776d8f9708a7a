// What clients show as the ticket of an instance that went: as text, and as what would be sealed in it.
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "core/ticket.h"

using namespace gw;

namespace {

const ChannelTable kChannels({"guide", "news"});
const TicketKey kKey{500'000, Digest{}};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  ASSERT(!open_ticket(kKey, kChannels, input) || period_of_ticket(input) == kKey.period);
  const auto ticket = decode_ticket(kChannels, input);
  if (!ticket) return 0;
  // What it says is what is said again, but for channels that are not there.
  const std::string again = encode_ticket(kChannels, *ticket);
  const auto twice = decode_ticket(kChannels, again);
  ASSERT(twice && encode_ticket(kChannels, *twice) == again);
  ASSERT(twice->session.user_id == ticket->session.user_id && twice->client_id == ticket->client_id);
  ASSERT(twice->session.expires_at == ticket->session.expires_at && twice->issued_at == ticket->issued_at);
  return 0;
}
