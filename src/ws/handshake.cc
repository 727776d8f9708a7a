#include "ws/handshake.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

#include "base/digest.h"
#include "ws/token.h"

namespace gw::ws {
namespace {

constexpr HttpField kUpgradeFields[] = {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
constexpr HttpField kVersionFields[] = {
    {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Version", "13"}};

constexpr HttpField kAllowFields[] = {{"Allow", "GET"}, {"Connection", "close"}};

HandshakeRefusal not_an_upgrade(std::string_view reason) { return {426, reason, kUpgradeFields}; }
HandshakeRefusal malformed(std::string_view reason) { return {400, reason, {}}; }

// The fields of one name in one request.
class NamedFields {
 public:
  NamedFields(HttpFields all, std::string_view name) : all_(all), name_(name) {}

  template <class Visit>
  void for_each(Visit visit) const {
    for (const HttpField& field : all_) {
      if (equal_ignoring_case(field.name, name_)) visit(trim_blanks(field.value));
    }
  }

  size_t count() const {
    size_t count = 0;
    for_each([&](std::string_view) { ++count; });
    return count;
  }

  // Empty when the field is not there exactly once.
  std::optional<std::string_view> only() const {
    std::string_view value;
    for_each([&](std::string_view v) { value = v; });
    return count() == 1 ? std::optional(value) : std::nullopt;
  }

  // All fields of the name are one comma-separated list.
  template <class Visit>
  void for_each_element(Visit visit) const {
    for_each([&](std::string_view list) {
      for (auto element = take_list_element(list); !element.empty(); element = take_list_element(list)) {
        visit(element);
      }
    });
  }

  bool lists(std::string_view token) const {
    bool found = false;
    for_each_element([&](std::string_view element) { found = found || equal_ignoring_case(element, token); });
    return found;
  }

 private:
  HttpFields all_;
  std::string_view name_;
};

// An origin-form or absolute-form target; a resource name has no fragment (RFC 6455 3).
bool is_valid_target(std::string_view target) {
  if (!target.starts_with('/') && target.find("://") == std::string_view::npos) return false;
  return std::all_of(target.begin(), target.end(), [](char c) { return c > ' ' && c != '\x7f' && c != '#'; });
}

// Value of a base64 digit, or -1.
int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Sixteen bytes in base64: 22 digits, the last of which has four bits to spare (zero), and "==".
bool is_valid_key(std::string_view key) {
  if (key.size() != 24 || !key.ends_with("==")) return false;
  const std::string_view digits = key.substr(0, 22);
  return std::all_of(digits.begin(), digits.end(), [](char c) { return base64_value(c) >= 0; }) &&
         (base64_value(digits.back()) & 0x0F) == 0;
}

bool has_body(HttpFields fields) {
  bool announced = NamedFields(fields, "Transfer-Encoding").count() > 0;
  NamedFields(fields, "Content-Length").for_each([&](std::string_view length) {
    announced = announced || length.empty() || length.find_first_not_of('0') != std::string_view::npos;
  });
  return announced;
}

// The subprotocols are distinct tokens (RFC 6455 4.1); `out` gets them in order.
bool read_subprotocols(const NamedFields& fields, std::vector<std::string_view>& out) {
  bool valid = true;
  fields.for_each_element([&](std::string_view name) {
    valid = valid && is_token(name) && out.size() < kSubprotocolsMax &&
            std::find(out.begin(), out.end(), name) == out.end();
    if (valid) out.push_back(name);
  });
  return valid && (fields.count() == 0 || !out.empty());
}

bool read_extensions(const NamedFields& fields, std::vector<ExtensionOffer>& out) {
  bool valid = true;
  fields.for_each([&](std::string_view value) { valid = valid && parse_extension_offers(value, out); });
  return valid;
}

// Whether this is an upgrade to WebSocket at all (RFC 9110 7.8).
std::optional<HandshakeRefusal> check_intent(const UpgradeRequest& request) {
  if (!NamedFields(request.fields, "Upgrade").lists("websocket")) {
    return not_an_upgrade("This address speaks WebSocket: the Upgrade field must list websocket");
  }
  if (!NamedFields(request.fields, "Connection").lists("upgrade")) {
    return not_an_upgrade("This address speaks WebSocket: the Connection field must list Upgrade");
  }
  return std::nullopt;
}

std::optional<HandshakeRefusal> check_request(const UpgradeRequest& request) {
  if (request.method != "GET") return malformed("A WebSocket handshake must be a GET request");
  if (request.http_version < 11) return malformed("A WebSocket handshake needs HTTP/1.1");
  if (!is_valid_target(request.target)) return malformed("The request target is not valid");
  if (has_body(request.fields)) {
    return malformed("A WebSocket handshake has no body: Content-Length or Transfer-Encoding announces one");
  }
  if (NamedFields(request.fields, "Host").only().value_or("").empty()) {
    return malformed("There must be one Host field, not empty");
  }
  return std::nullopt;
}

std::optional<HandshakeRefusal> check_version(HttpFields fields) {
  const auto version = NamedFields(fields, "Sec-WebSocket-Version").only();
  if (!version) return malformed("There must be one Sec-WebSocket-Version field");
  if (*version == "13") return std::nullopt;
  return HandshakeRefusal{426, "Sec-WebSocket-Version must be 13", kVersionFields};
}

}  // namespace

HandshakeResult check_upgrade(const UpgradeRequest& request) {
  // A HEAD asks what a GET would be answered.
  if (request.method != "GET" && request.method != "HEAD")
    return HandshakeRefusal{405, "A WebSocket handshake must be a GET request", kAllowFields};
  if (const auto refusal = check_intent(request)) return *refusal;
  if (const auto refusal = check_request(request)) return *refusal;
  if (const auto refusal = check_version(request.fields)) return *refusal;

  const auto key = NamedFields(request.fields, "Sec-WebSocket-Key").only();
  if (!key) return malformed("There must be one Sec-WebSocket-Key field");
  if (!is_valid_key(*key)) return malformed("Sec-WebSocket-Key must be 16 bytes in base64");

  Handshake handshake;
  if (!read_subprotocols({request.fields, "Sec-WebSocket-Protocol"}, handshake.subprotocols)) {
    return malformed("Sec-WebSocket-Protocol must be a list of distinct tokens");
  }
  if (!read_extensions({request.fields, "Sec-WebSocket-Extensions"}, handshake.extensions)) {
    return malformed("Sec-WebSocket-Extensions must be a list of extensions with parameters");
  }
  handshake.accept_key = accept_key(*key);
  return handshake;
}

std::string accept_key(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const auto digest = sha1(text);
  // 28 characters and the terminating zero that EVP_EncodeBlock writes.
  std::array<unsigned char, 29> encoded;
  const int size = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
  return std::string(reinterpret_cast<const char*>(encoded.data()), static_cast<size_t>(size));
}

void append_switching_protocols(std::string& out, const HandshakeAnswer& answer) {
  out.append(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
      "Upgrade\r\nSec-WebSocket-Accept: ");
  out.append(answer.accept_key).append("\r\n");
  if (!answer.subprotocol.empty()) {
    out.append("Sec-WebSocket-Protocol: ").append(answer.subprotocol).append("\r\n");
  }
  if (!answer.extensions.empty()) {
    out.append("Sec-WebSocket-Extensions: ").append(answer.extensions).append("\r\n");
  }
  out.append("\r\n");
}

void throw_exception_from_error(const HandshakeRefusal& refusal, const boost::source_location& where) {
  throw std::logic_error(std::string(refusal.reason) + " at " + where.file_name() + ":" +
                         std::to_string(where.line()));
}

}  // namespace gw::ws
