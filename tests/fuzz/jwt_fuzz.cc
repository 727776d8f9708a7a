// What comes from clients and issuers: a token, claims that a known key has signed, and a file of keys. What
// is believed has everything that it has to have.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/base64.h"
#include "traffic_cop/jwt.h"

namespace {

using namespace gw;

constexpr WallTime kNow{1'790'000'000s};
const std::string kSecret(64, 's');

std::string base64url(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(size));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

std::string signed_token(std::string_view claims) {
  const std::string text = base64url(R"({"alg":"HS256"})") + "." + base64url(claims);
  std::array<unsigned char, 32> mac{};
  HMAC(EVP_sha256(), kSecret.data(), static_cast<int>(kSecret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), nullptr);
  return text + "." + base64url({reinterpret_cast<const char*>(mac.data()), mac.size()});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const JwtKeys keys{JwtKey::of_secret(kSecret).value()};
  const std::string_view text(reinterpret_cast<const char*>(data), size);

  // Nobody without the secret signs anything: not even this.
  ASSERT(!verify_jwt(text, keys, {}, kNow));
  if (is_jwt(text)) ASSERT(jwt_text(text).size() < text.size());

  if (const auto decoded = base64url_decode(text)) ASSERT(base64url(*decoded) == text);

  JwtOptions options;
  options.issuers = {"i"};
  options.audiences = {"a"};
  if (const auto claims = verify_jwt(signed_token(text), keys, options, kNow)) {
    ASSERT(claims->issuer == "i" && !claims->user_id.empty());
    ASSERT(claims->expires_at + 30s > kNow && claims->issued_at <= kNow + 30s);
  }

  for (const auto& parsed : {parse_jwt_keys(text), parse_jwk_set(text), parse_jwt_secret(text)}) {
    if (!parsed) continue;
    ASSERT(!parsed->empty() && parsed->size() <= kJwtKeysMax);
    for (const JwtKey& key : *parsed) ASSERT(!key.verify(*find_jwt_algorithm("RS256"), "text", "signature"));
  }
  return 0;
}
