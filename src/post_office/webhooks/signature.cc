#include "post_office/webhooks/signature.h"

#include <array>
#include <optional>

#include "base/base64.h"
#include "base/hmac.h"
#include "base/random.h"

namespace gw {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr size_t kBytesMin = 24, kBytesMax = 64, kBytesMade = 32;

std::optional<std::string> key_of(std::string_view secret) {
  if (!secret.starts_with(kPrefix)) return std::nullopt;
  return base64_decode(secret.substr(kPrefix.size()));
}

template <class Bytes>
std::string_view as_text(const Bytes& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

bool is_webhook_secret(std::string_view text) {
  const std::optional<std::string> key = key_of(text);
  return key && key->size() >= kBytesMin && key->size() <= kBytesMax;
}

std::string make_webhook_secret() {
  std::array<unsigned char, kBytesMade> bytes;
  secure_random(bytes);
  return std::string(kPrefix) + base64_encode(as_text(bytes));
}

std::string webhook_signature(std::string_view secret, std::string_view id, int64_t unix_seconds,
                              std::string_view body) {
  std::string signed_text(id);
  signed_text.append(".").append(std::to_string(unix_seconds)).append(".").append(body);
  return "v1," + base64_encode(as_text(hmac_sha256(key_of(secret).value_or(""), signed_text)));
}

}  // namespace gw
