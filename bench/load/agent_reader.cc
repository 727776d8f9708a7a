#include "load/agent_reader.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>

#include "load/clock.h"

namespace gw::bench {
namespace {

constexpr size_t kReadBytes = 256 * 1024;

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

AgentReader::AgentReader(Feed feed, size_t clients) : feed_(std::move(feed)), next_(clients, 0) {
  // So that the thread sees within this time that it shall end.
  const timeval wait{.tv_sec = 0, .tv_usec = 100'000};
  setsockopt(feed_.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  take_lines();
  thread_ = std::thread([this] { run(); });
}

AgentReader::~AgentReader() {
  finish();
  ::close(feed_.fd);
}

void AgentReader::run() {
  std::vector<char> buffer(kReadBytes);
  while (!stop_.load(std::memory_order_acquire)) {
    const ssize_t n = ::recv(feed_.fd, buffer.data(), buffer.size(), 0);
    if (n == 0) {
      if (fault_.empty()) fault_ = "the server ended the subscription";
      return;
    }
    if (n < 0) continue;
    feed_.decode({buffer.data(), static_cast<size_t>(n)}, feed_.lines);
    take_lines();
  }
}

void AgentReader::take_lines() {
  size_t at = 0;
  for (size_t end = feed_.lines.find('\n'); end != std::string::npos; end = feed_.lines.find('\n', at)) {
    const auto line = std::string_view(feed_.lines).substr(at, end - at);
    if (line.starts_with(feed_.line_start)) on_envelope(line);
    at = end + 1;
  }
  feed_.lines.erase(0, at);
}

void AgentReader::on_envelope(std::string_view line) {
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

std::string AgentReader::finish() {
  stop_.store(true, std::memory_order_release);
  if (thread_.joinable()) thread_.join();
  return fault_;
}

}  // namespace gw::bench
