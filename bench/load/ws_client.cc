#include "load/ws_client.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace gw::bench {
namespace {

constexpr uint8_t kText = 0x1;
constexpr uint8_t kBinary = 0x2;
constexpr uint8_t kClose = 0x8;
constexpr uint8_t kPing = 0x9;
constexpr uint8_t kPong = 0xA;
constexpr uint8_t kFin = 0x80;
constexpr uint8_t kMasked = 0x80;

// The key of RFC 6455 section 1.3 and its answer, so that nothing here has to compute SHA-1.
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

// Not a secret here; a mask other than zero so that the server has the work it has with browsers.
constexpr std::array<char, 4> kMask = {'\x5a', '\x13', '\x7c', '\x21'};

void must(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
}

uint64_t read_big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace

WsClient::WsClient(Loop& loop, Listener& listener, uint32_t index)
    : loop_(loop), listener_(listener), index_(index) {}

WsClient::~WsClient() {
  if (fd_ >= 0) ::close(fd_);
}

void WsClient::connect(const sockaddr_in& server, const sockaddr_in& source, std::string_view resource) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  must(fd_, "socket");
  const int on = 1;
  // The port is then chosen at connect(), so one source address serves as many as the peer has room for.
  setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  must(bind(fd_, reinterpret_cast<const sockaddr*>(&source), sizeof source), "bind");
  const int result = ::connect(fd_, reinterpret_cast<const sockaddr*>(&server), sizeof server);
  if (result < 0 && errno != EINPROGRESS) must(result, "connect");
  resource_ = resource;
  state_ = State::connecting;
  close_code_ = 1006;
  events_ = EPOLLOUT;
  loop_.add(fd_, events_, *this);
}

void WsClient::queue_text(std::string_view text) { queue_frame(kText, text); }

void WsClient::queue_frame(uint8_t opcode, std::string_view payload) {
  unsent_.push_back(static_cast<char>(kFin | opcode));
  if (payload.size() < 126) {
    unsent_.push_back(static_cast<char>(kMasked | payload.size()));
  } else if (payload.size() < 65536) {
    unsent_.push_back(static_cast<char>(kMasked | 126));
    unsent_.push_back(static_cast<char>(payload.size() >> 8));
    unsent_.push_back(static_cast<char>(payload.size() & 0xFF));
  } else {
    throw std::runtime_error("the generator sends no message of 64 KiB or more");
  }
  unsent_.append(kMask.data(), kMask.size());
  const size_t start = unsent_.size();
  unsent_.append(payload);
  for (size_t i = 0; i < payload.size(); ++i) {
    unsent_[start + i] = static_cast<char>(unsent_[start + i] ^ kMask[i % 4]);
  }
}

void WsClient::flush() {
  if (in_read_ || unsent_.empty() || state_ == State::closed || state_ == State::connecting) return;
  const ssize_t n = ::send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  // A reset shows again, as the end of the stream, at the next read.
  if (n > 0) unsent_.erase(0, static_cast<size_t>(n));
  want(unsent_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void WsClient::close() {
  if (state_ != State::open) return;
  queue_frame(kClose, std::string_view("\x03\xE8", 2));
  state_ = State::closing;
  flush();
}

void WsClient::want(uint32_t events) {
  if (events == events_) return;
  events_ = events;
  loop_.modify(fd_, events, *this);
}

void WsClient::on_ready(uint32_t events) {
  if (state_ == State::connecting) {
    finish_connect();
    return;
  }
  if ((events & EPOLLOUT) != 0) flush();
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) read();
}

void WsClient::finish_connect() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) throw std::system_error(error, std::generic_category(), "connect");
  state_ = State::handshake;
  unsent_ = "GET " + resource_ +
            " HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
            "Sec-WebSocket-Key: " + std::string(kKey) + "\r\nSec-WebSocket-Version: 13\r\n\r\n";
  resource_ = {};
  flush();
}

void WsClient::read() {
  const auto buffer = loop_.scratch();
  const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) return ended();
  in_read_ = true;
  const std::string_view fresh(buffer.data(), static_cast<size_t>(n));
  if (unread_.empty()) {
    const size_t taken = take(fresh);
    unread_ = fresh.substr(taken);
  } else {
    std::string bytes = std::move(unread_);
    bytes += fresh;
    unread_ = bytes.substr(take(bytes));
  }
  in_read_ = false;
  flush();
}

void WsClient::ended() {
  loop_.remove(fd_);
  ::close(fd_);
  fd_ = -1;
  state_ = State::closed;
  unread_.clear();
  unsent_.clear();
  listener_.on_closed(*this, close_code_);
}

size_t WsClient::take(std::string_view bytes) {
  size_t taken = 0;
  if (state_ == State::handshake) {
    taken = take_handshake(bytes);
    if (taken == 0) return 0;
  }
  return taken + take_frames(bytes.substr(taken));
}

size_t WsClient::take_handshake(std::string_view bytes) {
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  const std::string_view head = bytes.substr(0, end);
  if (!head.starts_with("HTTP/1.1 101 ") || head.find(kAccept) == std::string_view::npos) {
    throw std::runtime_error("upgrade refused: " + std::string(head.substr(0, head.find('\r'))));
  }
  state_ = State::open;
  listener_.on_open(*this);
  return end + 4;
}

size_t WsClient::take_frames(std::string_view bytes) {
  size_t at = 0;
  while (bytes.size() - at >= 2) {
    const auto first = static_cast<uint8_t>(bytes[at]);
    const auto second = static_cast<uint8_t>(bytes[at + 1]);
    if ((second & kMasked) != 0) throw std::runtime_error("the server masked a frame");
    if ((first & 0xF0) != kFin) throw std::runtime_error("the server fragmented or compressed a message");
    const size_t extra = second == 126 ? 2 : second == 127 ? 8 : 0;
    if (bytes.size() - at < 2 + extra) break;
    const uint64_t length = extra == 0 ? second : read_big_endian(bytes.substr(at + 2, extra));
    if (bytes.size() - at - 2 - extra < length) break;
    on_frame(first & 0x0F, bytes.substr(at + 2 + extra, length));
    at += 2 + extra + length;
  }
  return at;
}

void WsClient::on_frame(uint8_t opcode, std::string_view payload) {
  switch (opcode) {
    case kText:
    case kBinary: return listener_.on_text(*this, payload);
    case kPing: return queue_frame(kPong, payload);
    case kPong: return;
    case kClose:
      if (payload.size() >= 2) close_code_ = static_cast<uint16_t>(read_big_endian(payload.substr(0, 2)));
      if (state_ == State::open) queue_frame(kClose, payload.substr(0, 2));
      state_ = State::closing;
      return;
    default: throw std::runtime_error("the server sent a frame with opcode " + std::to_string(opcode));
  }
}

}  // namespace gw::bench
