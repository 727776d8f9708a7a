#include "load/http_client.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>

#include "load/net.h"

namespace gw::bench {

std::string http_request(std::string_view method, std::string_view resource, std::string_view key,
                         std::string_view body) {
  std::string request(method);
  request.append(" ").append(resource).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
  if (!key.empty()) request.append("Authorization: Bearer ").append(key).append("\r\n");
  if (!body.empty()) {
    request.append("Content-Type: application/json\r\nContent-Length: ").append(std::to_string(body.size()));
    request.append("\r\n");
  }
  return request.append("\r\n").append(body);
}

size_t http_head_length(std::string_view bytes) {
  const size_t end = bytes.find("\r\n\r\n");
  return end == std::string_view::npos ? 0 : end + 4;
}

std::string http_header(std::string_view head, std::string_view name) {
  const auto same = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
  const std::string key = "\r\n" + std::string(name) + ":";
  const auto found = std::search(head.begin(), head.end(), key.begin(), key.end(), same);
  if (found == head.end()) return {};
  std::string_view value = head.substr(static_cast<size_t>(found - head.begin()) + key.size());
  value = value.substr(0, value.find('\r'));
  while (value.starts_with(' ')) value.remove_prefix(1);
  return std::string(value);
}

HttpClient::HttpClient(Loop& loop, const sockaddr_in& server, OnResponse on_response)
    : loop_(loop), on_response_(std::move(on_response)), fd_(connect_blocking(server)) {
  set_nonblocking(fd_);
  loop_.add(fd_, events_, *this);
}

HttpClient::~HttpClient() {
  if (fd_ >= 0) ::close(fd_);
}

void HttpClient::send(std::string_view requests) {
  unsent_.append(requests);
  write();
}

void HttpClient::write() {
  const ssize_t n = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (n > 0) unsent_.erase(0, static_cast<size_t>(n));
  const uint32_t events = unsent_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
  if (events == events_) return;
  events_ = events;
  loop_.modify(fd_, events_, *this);
}

void HttpClient::on_ready(uint32_t events) {
  if ((events & EPOLLOUT) != 0) write();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read();
}

void HttpClient::read() {
  const auto buffer = loop_.scratch();
  const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) throw std::runtime_error("the server closed its HTTP connection");
  unread_.append(buffer.data(), static_cast<size_t>(n));
  while (take_response()) {
  }
}

bool HttpClient::take_response() {
  const size_t head_length = http_head_length(unread_);
  if (head_length == 0) return false;
  const std::string_view head = std::string_view(unread_).substr(0, head_length);
  int status = 0;
  if (head.size() > 12) std::from_chars(head.data() + 9, head.data() + 12, status);
  const std::string length_text = http_header(head, "content-length");
  size_t length = 0;
  const auto parsed = std::from_chars(length_text.data(), length_text.data() + length_text.size(), length);
  if (parsed.ec != std::errc() && status != 204) {
    throw std::runtime_error("a response without Content-Length: " +
                             std::string(head.substr(0, head.find('\r'))));
  }
  if (unread_.size() - head_length < length) return false;
  on_response_(status, std::string_view(unread_).substr(head_length, length));
  unread_.erase(0, head_length + length);
  return true;
}

}  // namespace gw::bench
