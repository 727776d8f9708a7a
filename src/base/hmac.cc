#include "base/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.h"

namespace gw {

Digest hmac_sha256(std::string_view key, std::string_view message) {
  Digest digest;
  unsigned size = 0;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(message.data());
  const bool done = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, message.size(),
                         digest.data(), &size) != nullptr;
  ASSERT(done && size == digest.size());
  return digest;
}

}  // namespace gw
