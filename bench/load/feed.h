// How an agent gets its envelopes: a blocking connection that is subscribed already, and how lines are read
// from it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "load/target.h"

namespace gw::bench {

// The body of a response with `Transfer-Encoding: chunked`, piece by piece (RFC 9112 section 7.1).
class ChunkedBody {
 public:
  // Appends to `out` what of `bytes` is body.
  void decode(std::string_view bytes, std::string& out);

 private:
  enum class State { size, data, end_of_data };
  State state_ = State::size;
  std::string size_text_;
  uint64_t left_ = 0;
};

struct Feed {
  int fd = -1;
  // Lines that begin so are envelopes; what else there is frames them.
  std::string_view line_start;
  // Appends to its second argument the lines in what was received.
  std::function<void(std::string_view, std::string&)> decode = {};
  std::string lines = {};  // those that came with the answer to the subscription
};

// Both return when the server has confirmed, so that what is sent from then on is seen.
// Server-Sent Events of the gateway.
Feed subscribe_by_sse(const Target& target);
// Redis alone: SUBSCRIBE to what the gateway publishes for agents.
Feed subscribe_in_redis(const sockaddr_in& redis);

}  // namespace gw::bench
