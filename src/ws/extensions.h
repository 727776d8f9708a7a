// Sec-WebSocket-Extensions, read (RFC 6455 9.1).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::ws {

struct ExtensionParameter {
  std::string_view name;
  std::optional<std::string> value;  // without quotes; a token once they are gone
};

// Views into the field's value.
struct ExtensionOffer {
  std::string_view name;
  std::vector<ExtensionParameter> parameters;
};

inline constexpr size_t kExtensionOffersMax = 16;
inline constexpr size_t kExtensionParametersMax = 16;

// Appends the offers of one field in their order. False when the value does not follow the grammar or
// holds more than the limits above; the handshake must fail then.
[[nodiscard]] bool parse_extension_offers(std::string_view value, std::vector<ExtensionOffer>& offers);

}  // namespace gw::ws
