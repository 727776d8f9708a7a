// Files of a certificate and its key, one behind the other with a zero between. What is taken serves; what is
// refused says why, and never with a word of what the files hold.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "net/tls_session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gw;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(bytes.find('\0'), bytes.size());
  const std::string_view chain = bytes.substr(0, end), key = bytes.substr(std::min(end + 1, bytes.size()));
  Result<TlsCertificate> made = TlsCertificate::parse(chain, key);
  if (!made) {
    ASSERT(!made.error().detail.empty() && made.error().detail.size() < 200);
    return 0;
  }
  ASSERT(made->fingerprint().size() == 64);
  made->is_for("a.example");
  std::vector<TlsCertificate> certificates;
  certificates.push_back(std::move(*made));
  TlsSession session(std::make_shared<const TlsContext>(std::move(certificates)));
  ASSERT(!session.is_established());
  return 0;
}
