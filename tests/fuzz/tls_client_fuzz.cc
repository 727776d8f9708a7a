// Whatever a client says first, TLS or not: it is bounded what a session answers and keeps, and nothing plain
// comes of it without a handshake.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.h"
#include "net/tls_session.h"
#include "net/tls_testing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gw;
  static const TlsContextPtr context = make_tls_context({make_certificate("DNS:a.example")});
  static std::vector<char> room(TlsSession::kReadBytes);
  if (size == 0) return 0;
  TlsSession session(context, std::string(reinterpret_cast<const char*>(data), size));
  const IoResult result = session.read(-1, room);
  ASSERT(result.status != IoResult::Status::ok && !session.is_established());
  ASSERT(session.unsent().size() <= 128 * 1024);
  if (!session.is_over()) ASSERT(result.status == IoResult::Status::again);
  // Nobody is there any more: it fails, once and for all.
  ASSERT(session.read(-1, room).status == IoResult::Status::failed);
  session.end();
  return 0;
}
