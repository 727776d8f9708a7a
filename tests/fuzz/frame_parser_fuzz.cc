// A conversation in one piece, in random pieces and byte by byte must be heard the same, and the parser
// must keep no more than it promises. First byte: options; second: seed of the cuts; rest: the conversation.
#include <cstdint>
#include <random>
#include <string_view>

#include "base/assert.h"
#include "ws/transcript.h"

namespace gw::ws {
namespace {

ParserOptions options_from(unsigned char byte) {
  constexpr uint32_t kLimits[] = {0, 1, 20, 200, 1000, 4096, 65536, 1 << 20};
  return {.role = (byte & 1) != 0 ? Role::client : Role::server,
          .deflate = (byte & 2) != 0,
          .message_bytes_max = kLimits[(byte >> 2) & 7]};
}

void check_memory(Listener& listener, const ParserOptions& options) {
  const size_t inflater = options.deflate ? 48 * 1024 : 0;
  ASSERT(listener.bytes_kept_max() <= options.message_bytes_max + 256 + inflater);
  ASSERT(listener.parser().unfinished() || listener.parser().bytes_kept() == 0);
}

Transcript heard(std::string_view conversation, const ParserOptions& options, size_t piece_max,
                 unsigned seed) {
  Listener listener(options);
  std::minstd_rand random(seed);
  while (!conversation.empty()) {
    const size_t size = std::min<size_t>(conversation.size(), 1 + random() % piece_max);
    listener.hear(conversation.substr(0, size));
    conversation.remove_prefix(size);
    check_memory(listener, options);
  }
  return listener.transcript();
}

void check(std::string_view input) {
  if (input.size() < 2) return;
  const ParserOptions options = options_from(static_cast<unsigned char>(input[0]));
  const unsigned seed = static_cast<unsigned char>(input[1]) + 1u;
  const std::string_view conversation = input.substr(2);

  Listener listener(options);
  listener.hear(conversation);
  check_memory(listener, options);
  ASSERT(heard(conversation, options, 40, seed) == listener.transcript());
  ASSERT(heard(conversation, options, 1, seed) == listener.transcript());
}

}  // namespace
}  // namespace gw::ws

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gw::ws::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
