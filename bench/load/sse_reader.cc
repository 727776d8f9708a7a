#include "load/sse_reader.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <stdexcept>

#include "load/clock.h"
#include "load/http_client.h"
#include "load/net.h"

namespace gw::bench {
namespace {

constexpr std::string_view kSubscribe = "/api/post-office/websocket/subscribe?channel=guide";
constexpr size_t kReadBytes = 256 * 1024;
constexpr size_t kHeadMax = 16 * 1024;

template <class T>
bool read_number(std::string_view text, T& value) {
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

}  // namespace

void Stamp::append(std::string& out) const {
  std::array<char, 64> text{};
  const int n = std::snprintf(text.data(), text.size(), "%05u.%08u.%019lld", client, sequence,
                              static_cast<long long>(sent_ns));
  out.append(text.data(), static_cast<size_t>(n));
}

bool Stamp::find(std::string_view text, Stamp& stamp) {
  const size_t at = text.find(kKey);
  if (at == std::string_view::npos || text.size() - at - kKey.size() < kLength) return false;
  const std::string_view value = text.substr(at + kKey.size(), kLength);
  return read_number(value.substr(0, 5), stamp.client) && read_number(value.substr(6, 8), stamp.sequence) &&
         read_number(value.substr(15), stamp.sent_ns);
}

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

SseReader::SseReader(const Target& target, size_t clients) : next_(clients, 0) {
  connect(target);
  thread_ = std::thread([this] { run(); });
}

SseReader::~SseReader() {
  finish();
  ::close(fd_);
}

void SseReader::connect(const Target& target) {
  fd_ = connect_blocking(target.address);
  const timeval wait{.tv_sec = 0, .tv_usec = 100'000};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  const std::string request = http_request("GET", kSubscribe, target.api_key, {});
  if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    throw std::runtime_error("could not ask for the subscription");
  }
  std::string answer;
  while (http_head_length(answer) == 0) {
    std::array<char, 4096> bytes{};
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (n == 0 || answer.size() > kHeadMax) throw std::runtime_error("no answer to the subscription");
    if (n > 0) answer.append(bytes.data(), static_cast<size_t>(n));
  }
  const size_t head_length = http_head_length(answer);
  const std::string head = answer.substr(0, head_length);
  if (!head.starts_with("HTTP/1.1 200")) throw std::runtime_error("subscription refused: " + answer);
  chunked_ = http_header(head, "transfer-encoding") == "chunked";
  if (chunked_) {
    chunks_.decode(std::string_view(answer).substr(head_length), body_);
  } else {
    body_ = answer.substr(head_length);
  }
}

void SseReader::run() {
  std::vector<char> buffer(kReadBytes);
  while (!stop_.load(std::memory_order_acquire)) {
    const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (n == 0) {
      if (fault_.empty()) fault_ = "the server ended the subscription";
      return;
    }
    if (n < 0) continue;
    const std::string_view bytes(buffer.data(), static_cast<size_t>(n));
    if (chunked_) {
      chunks_.decode(bytes, body_);
    } else {
      body_.append(bytes);
    }
    take_lines();
  }
}

void SseReader::take_lines() {
  size_t at = 0;
  for (size_t end = body_.find('\n'); end != std::string::npos; end = body_.find('\n', at)) {
    const auto line = std::string_view(body_).substr(at, end - at);
    if (line.starts_with("data:")) on_envelope(line);
    at = end + 1;
  }
  body_.erase(0, at);
}

void SseReader::on_envelope(std::string_view line) {
  Stamp stamp;
  if (!Stamp::find(line, stamp) || stamp.client >= next_.size()) {
    if (fault_.empty()) fault_ = "not an envelope of ours: " + std::string(line);
    return;
  }
  uint32_t& next = next_[stamp.client];
  if (stamp.sequence != next) {
    if (fault_.empty()) {
      fault_ = "client " + std::to_string(stamp.client) + ": message " + std::to_string(stamp.sequence) +
               " where " + std::to_string(next) + " was due";
    }
    return;
  }
  ++next;
  if (stamp.sent_ns >= measure_since_ns_.load(std::memory_order_relaxed))
    latencies_.add(now_ns() - stamp.sent_ns);
  received_.fetch_add(1, std::memory_order_release);
}

std::string SseReader::finish() {
  stop_.store(true, std::memory_order_release);
  if (thread_.joinable()) thread_.join();
  return fault_;
}

}  // namespace gw::bench
