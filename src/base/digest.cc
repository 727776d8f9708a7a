#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "base/assert.h"
#include "base/hex.h"

namespace gw {
namespace {

// OpenSSL 3's one-shot SHA256() looks the algorithm up by name each time, four times the price of the digest.
struct Hasher {
  EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_MD_CTX* const context = EVP_MD_CTX_new();

  Hasher() { ASSERT(algorithm && context); }
  ~Hasher() {
    EVP_MD_CTX_free(context);
    EVP_MD_free(algorithm);
  }
};

}  // namespace

Digest sha256(std::string_view data) {
  thread_local const Hasher hasher;
  Digest digest;
  const bool done = EVP_DigestInit_ex2(hasher.context, hasher.algorithm, nullptr) == 1 &&
                    EVP_DigestUpdate(hasher.context, data.data(), data.size()) == 1 &&
                    EVP_DigestFinal_ex(hasher.context, digest.data(), nullptr) == 1;
  ASSERT(done);
  return digest;
}

std::string sha1_hex(std::string_view data) {
  std::array<unsigned char, 20> digest;
  SHA1(reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest.data());
  return to_hex(digest);
}

bool equal_constant_time(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace gw
