#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/assert.h"
#include "base/hex.h"

namespace gw {
namespace {

// OpenSSL 3's one-shot calls look the algorithm up by name each time, four times the price of the digest.
template <size_t size>
class Hasher {
 public:
  explicit Hasher(const char* name) : algorithm_(EVP_MD_fetch(nullptr, name, nullptr)) {
    ASSERT(algorithm_ && context_);
  }
  ~Hasher() {
    EVP_MD_CTX_free(context_);
    EVP_MD_free(algorithm_);
  }
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  std::array<unsigned char, size> digest(std::string_view data) const {
    std::array<unsigned char, size> result;
    const bool done = EVP_DigestInit_ex2(context_, algorithm_, nullptr) == 1 &&
                      EVP_DigestUpdate(context_, data.data(), data.size()) == 1 &&
                      EVP_DigestFinal_ex(context_, result.data(), nullptr) == 1;
    ASSERT(done);
    return result;
  }

 private:
  EVP_MD* const algorithm_;
  EVP_MD_CTX* const context_ = EVP_MD_CTX_new();
};

}  // namespace

Digest sha256(std::string_view data) {
  thread_local const Hasher<32> hasher("SHA256");
  return hasher.digest(data);
}

std::array<unsigned char, 20> sha1(std::string_view data) {
  thread_local const Hasher<20> hasher("SHA1");
  return hasher.digest(data);
}

std::string sha1_hex(std::string_view data) { return to_hex(sha1(data)); }

bool equal_constant_time(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace gw
