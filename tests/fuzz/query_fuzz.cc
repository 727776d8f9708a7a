// A target is split without losing a byte, and what is decoded from it is text without control characters.
#include <algorithm>
#include <cstdint>

#include "base/assert.h"
#include "base/utf8.h"
#include "net/http/query.h"

namespace {

using namespace gw::http;

bool is_clean(std::string_view text) {
  return gw::is_valid_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    out.push_back('%');
    out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto target = split_target(text)) {
    ASSERT(target->path.starts_with('/') && target->path.find('?') == std::string_view::npos);
    ASSERT(target->path.size() + target->query.size() + 1 >= size);
  }
  if (const auto decoded = percent_decode(text)) {
    ASSERT(decoded->size() <= size && is_clean(*decoded));
    ASSERT(*percent_decode(percent_encoded(*decoded)) == *decoded);
  }
  if (const auto query = Query::parse(text)) {
    for (const char* name : {"", "session_token", "token", "client_id", "a"}) {
      const auto value = query->get(name);
      ASSERT(!value || is_clean(*value));
      // Whoever comes later changes nothing about a name that is there.
      const auto longer = Query::parse(text + "&" + name + "=later");
      ASSERT(!value || !longer || longer->get(name) == value);
    }
  }
  return 0;
}
