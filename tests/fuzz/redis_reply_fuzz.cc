// Replies are the same however they arrive, and whatever is asked of one is answered. First byte: seed of the
// cuts; rest: what a server says.
#include <cstdint>
#include <random>

#include "base/assert.h"
#include "engine/redis/resp.h"

namespace gw::redis {
namespace {

void show(const Reply& reply, std::string& out) {
  out += std::to_string(reply.integer());
  out += reply.is_nil()       ? 'n'
         : reply.is_error()   ? 'e'
         : reply.is_integer() ? 'i'
         : reply.is_array()   ? 'a'
                              : 't';
  out += std::to_string(reply.text().size()) + ":";
  out += reply.text();
  for (size_t i = 0; i < reply.size(); ++i) show(reply[i], out);
  ASSERT(reply[reply.size()].is_nil());
  if (reply.is_error()) ASSERT(to_error(reply.text()).detail.size() < 400);
}

// All that was read, up to where it broke.
std::string heard(std::string_view bytes, size_t piece_max, unsigned seed) {
  std::minstd_rand random(seed);
  ReplyReader reader;
  std::string out;
  while (!bytes.empty()) {
    const size_t size = std::min<size_t>(bytes.size(), 1 + random() % piece_max);
    ASSERT(reader.feed(bytes.substr(0, size)));
    bytes.remove_prefix(size);
    while (true) {
      const auto next = reader.next();
      if (!next) return out + "broken";
      if (!*next) break;
      show(Reply(*next), out);
    }
  }
  return out;
}

// hiredis reserves room for a list as soon as it knows its length; a fuzzer finds the largest at once.
bool has_huge_list(std::string_view bytes) {
  for (size_t star = bytes.find('*'); star != std::string_view::npos; star = bytes.find('*', star + 1)) {
    const size_t digits = bytes.find_first_not_of("+0123456789", star + 1);
    if (std::min(digits, bytes.size()) - star > 6) return true;
  }
  return false;
}

void check(std::string_view input) {
  if (input.empty() || has_huge_list(input)) return;
  const unsigned seed = static_cast<unsigned char>(input[0]) + 1u;
  const std::string_view bytes = input.substr(1);
  const std::string whole = heard(bytes, SIZE_MAX >> 1, seed);
  ASSERT(heard(bytes, 20, seed) == whole);
  ASSERT(heard(bytes, 1, seed) == whole);
}

}  // namespace
}  // namespace gw::redis

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gw::redis::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
