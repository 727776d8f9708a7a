#include "base/percent.h"

#include "base/hex.h"

namespace gw {
namespace {

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~").find(c) != std::string_view::npos;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = static_cast<unsigned char>(text[i]);
    if (text[i] == '%') {
      if (!from_hex(text.substr(i + 1, 2), {&byte, 1})) return std::nullopt;
      i += 2;
    }
    out.push_back(static_cast<char>(byte));
  }
  return out;
}

void append_percent_encoded(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (is_unreserved(c)) {
      out.push_back(c);
    } else {
      out.push_back('%');
      append_hex(out, {reinterpret_cast<const unsigned char*>(&c), 1});
    }
  }
}

}  // namespace gw
