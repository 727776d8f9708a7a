#include "base/seal.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "base/assert.h"
#include "base/free_with.h"
#include "base/random.h"

namespace gw {
namespace {

constexpr size_t kNonceBytes = 12, kTagBytes = 16;

using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeWith<EVP_CIPHER_CTX_free>>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

std::string seal(const Digest& key, std::string_view plain, std::string_view beside) {
  std::array<unsigned char, kNonceBytes> nonce;
  secure_random(nonce);
  std::string out(plain.size(), '\0');
  std::array<char, kTagBytes> tag;
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int count = 0;
  const bool sealed =
      cipher && EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), nonce.data()) == 1 &&
      EVP_EncryptUpdate(cipher.get(), nullptr, &count, bytes_of(beside), static_cast<int>(beside.size())) ==
          1 &&
      EVP_EncryptUpdate(cipher.get(), bytes_of(out), &count, bytes_of(plain),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(cipher.get(), bytes_of(out) + count, &count) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag.data()) == 1;
  ASSERT(sealed);
  return std::string(nonce.begin(), nonce.end()) + out + std::string(tag.begin(), tag.end());
}

std::optional<std::string> unseal(const Digest& key, std::string_view sealed, std::string_view beside) {
  if (sealed.size() < kNonceBytes + kTagBytes) return std::nullopt;
  const std::string_view nonce = sealed.substr(0, kNonceBytes);
  const std::string_view text = sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  std::string out(text.size(), '\0');
  const Cipher cipher(EVP_CIPHER_CTX_new());
  int count = 0;
  const bool opened =
      cipher &&
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, key.data(), bytes_of(nonce)) == 1 &&
      EVP_DecryptUpdate(cipher.get(), nullptr, &count, bytes_of(beside), static_cast<int>(beside.size())) ==
          1 &&
      EVP_DecryptUpdate(cipher.get(), bytes_of(out), &count, bytes_of(text), static_cast<int>(text.size())) ==
          1 &&
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(cipher.get(), bytes_of(out) + count, &count) == 1;
  if (!opened) return std::nullopt;
  return out;
}

}  // namespace gw
