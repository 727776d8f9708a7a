// How a webhook's requests are signed: Standard Webhooks (standardwebhooks.com), symmetric. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gw {

// "whsec_" and base64 of 24 to 64 bytes.
bool is_webhook_secret(std::string_view text);
std::string make_webhook_secret();

// "v1," and base64 of HMAC-SHA256 over "id.seconds.body".
std::string webhook_signature(std::string_view secret, std::string_view id, int64_t unix_seconds,
                              std::string_view body);

}  // namespace gw
