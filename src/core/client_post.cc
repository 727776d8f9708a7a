#include "core/client_post.h"

#include "base/hex.h"
#include "base/random.h"

namespace gw {
namespace {

constexpr size_t kIdDigits = 2 * sizeof(ConnectionId::bytes), kSecretDigits = 32;

}  // namespace

SendToken SendToken::make(const ConnectionId& connection, std::string_view instance) {
  return {connection, secure_random_hex(kSecretDigits / 2), std::string(instance)};
}

// <connection><secret>.<instance>: what stands first has a fixed length.
std::string SendToken::text() const {
  std::string out;
  append_hex(out, connection.bytes);
  return out.append(secret).append(1, '.').append(instance);
}

std::optional<SendToken> SendToken::parse(std::string_view text) {
  constexpr size_t kDot = kIdDigits + kSecretDigits;
  if (text.size() <= kDot || text[kDot] != '.') return std::nullopt;
  SendToken token;
  std::array<unsigned char, kSecretDigits / 2> secret{};
  if (!from_hex(text.substr(0, kIdDigits), token.connection.bytes)) return std::nullopt;
  if (!from_hex(text.substr(kIdDigits, kSecretDigits), secret)) return std::nullopt;
  if (!is_valid_name(text.substr(kDot + 1))) return std::nullopt;
  token.secret = to_hex(secret);
  token.instance = text.substr(kDot + 1);
  return token;
}

}  // namespace gw
