#include "load/feed.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>

#include "load/http_client.h"
#include "load/net.h"

namespace gw::bench {
namespace {

constexpr std::string_view kSubscribe = "/api/post-office/websocket/subscribe?channel=guide";
constexpr std::string_view kSubscribeInRedis = "SUBSCRIBE websocket:guide\r\n";
constexpr std::string_view kSubscribed = "*3\r\n$9\r\nsubscribe\r\n$15\r\nwebsocket:guide\r\n:1\r\n";
constexpr size_t kHeadMax = 16 * 1024;

// Sends the request and reads until `complete` has seen enough of the answer.
std::string ask(int fd, std::string_view request, const std::function<bool(std::string_view)>& complete) {
  send_all(fd, request);
  std::string answer;
  while (!complete(answer)) {
    std::array<char, 4096> bytes{};
    const ssize_t n = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (n <= 0 || answer.size() > kHeadMax) throw std::runtime_error("no answer to the subscription");
    answer.append(bytes.data(), static_cast<size_t>(n));
  }
  return answer;
}

}  // namespace

void ChunkedBody::decode(std::string_view bytes, std::string& out) {
  while (!bytes.empty()) {
    if (state_ == State::data) {
      const size_t n = std::min<uint64_t>(left_, bytes.size());
      out.append(bytes.substr(0, n));
      bytes.remove_prefix(n);
      left_ -= n;
      if (left_ == 0) state_ = State::end_of_data;
      continue;
    }
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (state_ == State::end_of_data) {
      if (c == '\n') state_ = State::size;
    } else if (c != '\n') {
      size_text_.push_back(c);
    } else {
      left_ = std::stoull(size_text_, nullptr, 16);
      size_text_.clear();
      state_ = left_ == 0 ? State::end_of_data : State::data;
    }
  }
}

Feed subscribe_by_sse(const Target& target) {
  Feed feed{.fd = connect_blocking(target.address()), .line_start = "data:"};
  const std::string answer = ask(feed.fd, http_request("GET", kSubscribe, target.api_key, {}),
                                 [](std::string_view bytes) { return http_head_length(bytes) != 0; });
  const size_t head_length = http_head_length(answer);
  const std::string head = answer.substr(0, head_length);
  if (!head.starts_with("HTTP/1.1 200")) throw std::runtime_error("subscription refused: " + answer);
  if (http_header(head, "transfer-encoding") == "chunked") {
    feed.decode = [chunks = std::make_shared<ChunkedBody>()](std::string_view bytes, std::string& out) {
      chunks->decode(bytes, out);
    };
  } else {
    feed.decode = [](std::string_view bytes, std::string& out) { out.append(bytes); };
  }
  feed.decode(std::string_view(answer).substr(head_length), feed.lines);
  return feed;
}

Feed subscribe_in_redis(const sockaddr_in& redis) {
  // RESP is lines too, and the bench's envelopes hold no line break: the one that is an object is the
  // payload.
  Feed feed{.fd = connect_blocking(redis), .line_start = "{"};
  feed.decode = [](std::string_view bytes, std::string& out) { out.append(bytes); };
  const std::string answer = ask(feed.fd, kSubscribeInRedis,
                                 [](std::string_view bytes) { return bytes.size() >= kSubscribed.size(); });
  if (!answer.starts_with(kSubscribed)) throw std::runtime_error("subscription refused: " + answer);
  feed.lines = answer.substr(kSubscribed.size());
  return feed;
}

}  // namespace gw::bench
