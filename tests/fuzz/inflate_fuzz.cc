// Bytes as a compressed message: bounded, repeatable, and what came out survives our own compression.
// First byte: the limit; rest: the payload, which is also compressed as if it were a message.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "ws/deflate.h"

namespace gw::ws {
namespace {

void check_round_trip(Inflater& inflater, Deflater& deflater, const std::string& message) {
  const std::string payload(deflater.compress(message));
  const Inflater::Inflated back = inflater.inflate(payload, message.size());
  ASSERT(back.status == Inflater::Status::ok && back.text == message);
  if (message.empty()) return;
  ASSERT(inflater.inflate(payload, message.size() - 1).status == Inflater::Status::too_large);
}

void check(std::string_view input) {
  if (input.empty()) return;
  const size_t size_max = size_t{1} << (static_cast<unsigned char>(input[0]) % 18);
  const std::string_view payload = input.substr(1);
  // Shared by all inputs, as they are by all connections of a thread: nothing may leak from one to the next.
  static Inflater used_inflater;
  static Deflater used_deflater;
  Inflater fresh_inflater;

  const Inflater::Inflated fresh = fresh_inflater.inflate(payload, size_max);
  const Inflater::Inflated used = used_inflater.inflate(payload, size_max);
  ASSERT(fresh.status == used.status && fresh.text == used.text);
  ASSERT(fresh.text.size() <= size_max);
  check_round_trip(used_inflater, used_deflater, std::string(fresh.text));
  check_round_trip(used_inflater, used_deflater, std::string(payload));
}

}  // namespace
}  // namespace gw::ws

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gw::ws::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
