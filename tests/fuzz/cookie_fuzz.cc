// Header fields, a line each, with cookies and origins among them: whatever they are, a token comes out of a
// cookie only beside one Origin that may come in.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.h"
#include "net/http/cookie.h"
#include "net/http/head.h"
#include "net/http/origin.h"

namespace {

using namespace gw;

constexpr std::string_view kHost = "gateway.example";
const std::vector<std::string> kAllowed{"https://app.example.org", "https://*.pages.example"};

std::string_view take_until(std::string_view& text, char end) {
  const size_t size = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, size);
  text.remove_prefix(std::min(size + 1, text.size()));
  return taken;
}

void check(std::string_view input) {
  std::vector<HttpField> fields;
  while (!input.empty()) {
    std::string_view line = take_until(input, '\n');
    const std::string_view name = take_until(line, ':');
    fields.push_back({name, line});
  }
  ASSERT(http::cookie_token(fields, "", kHost, kAllowed)->empty());
  const auto token = http::cookie_token(fields, "s", kHost, kAllowed);
  if (!token || token->empty()) return;
  ASSERT(token->find(';') == token->npos && http::count_fields(fields, "Origin") == 1);
  const std::string_view origin = trim_blanks(*http::find_field(fields, "Origin"));
  ASSERT(http::is_origin_allowed(origin, kHost, kAllowed) &&
         equal_ignoring_case(origin.substr(0, 8), "https://"));
  // It stands there, once: with another beside it there is none.
  ASSERT(std::any_of(fields.begin(), fields.end(), [&](const HttpField& field) {
    return equal_ignoring_case(field.name, "Cookie") && field.value.find(*token) != field.value.npos;
  }));
  fields.push_back({"cookie", "s=planted"});
  ASSERT(!http::cookie_token(fields, "s", kHost, kAllowed));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check({reinterpret_cast<const char*>(data), size});
  return 0;
}
