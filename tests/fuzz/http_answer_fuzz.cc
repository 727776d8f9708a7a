// The answers of other services, whole and in pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "net/http/client_parser.h"

namespace {

constexpr size_t kBodyMax = 1000;

// What came of it; `step` bytes at a time.
std::string outcome(std::string_view bytes, size_t step) {
  gw::http::ClientParser parser(kBodyMax);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    const gw::Result<bool> complete = parser.put(bytes.substr(0, step));
    if (!complete) return "refused";
    if (!*complete) continue;
    std::string body = parser.take_body();
    ASSERT(body.size() <= kBodyMax);
    return std::to_string(parser.status()) + body;
  }
  return parser.put_end() ? std::to_string(parser.status()) + parser.take_body() : "ended";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  outcome(bytes, bytes.size() + 1);
  outcome(bytes, 1);
  return 0;
}
