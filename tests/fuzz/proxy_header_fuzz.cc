// What a proxy says of whom it speaks for. A header is whole or it is not, whatever comes behind it; it is
// bounded; and whoever should send none and does is known for it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "net/proxy_header.h"

namespace {

using namespace gw;

void check_whole(std::string_view bytes, const ProxyHeader& header) {
  ASSERT(header.bytes > 0 && header.bytes <= bytes.size() && header.bytes <= kProxyHeaderBytesMax);
  ASSERT(proxy_header_sign(bytes) == ProxyHeaderSign::certain);
  if (header.ends)
    ASSERT(!header.ends->source.ip.is_unix_socket() && !header.ends->destination.ip.is_unix_socket());
  // Nothing behind it counts, and everything of it does.
  const auto alone = parse_proxy_header(bytes.substr(0, header.bytes));
  ASSERT(std::get<ProxyHeader>(alone).bytes == header.bytes);
  for (size_t size = 0; size < header.bytes; ++size)
    ASSERT(std::holds_alternative<ProxyHeaderIncomplete>(parse_proxy_header(bytes.substr(0, size))));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const ParsedProxyHeader parsed = parse_proxy_header(bytes);
  if (const auto* header = std::get_if<ProxyHeader>(&parsed)) check_whole(bytes, *header);
  if (std::holds_alternative<ProxyHeaderIncomplete>(parsed)) ASSERT(size < kProxyHeaderBytesMax);
  // What is malformed stays it, and nobody waits for more of it.
  if (std::holds_alternative<ProxyHeaderMalformed>(parsed))
    ASSERT(std::holds_alternative<ProxyHeaderMalformed>(parse_proxy_header(std::string(bytes) + "more\r\n")));
  return 0;
}
