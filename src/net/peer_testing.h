// The other end of a connection, for what no real server does on demand: silence, garbage, half an answer.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/event_loop.h"
#include "net/socket.h"
#include "net/stream.h"

namespace gw {

class TestPeer {
 public:
  // Says `answer` once to each who says something; silent when it is empty.
  TestPeer(EventLoop& loop, std::string answer)
      : loop_(loop),
        answer_(std::move(answer)),
        listener_(*listen_on(*SocketAddress::parse("127.0.0.1:0"))),
        accepting_(loop.watch(listener_.get(), [this] { accept(); })) {}

  HostPort address() const { return {"127.0.0.1", local_address(listener_.get())->port}; }
  size_t visitors() const { return visitors_.size(); }
  const std::string& heard() const { return heard_; }
  void say(std::string_view bytes) {
    for (const auto& visitor : visitors_) write_some(visitor->fd.get(), bytes);
  }
  void hang_up() { visitors_.clear(); }

 private:
  struct Visitor {
    UniqueFd fd;
    EventLoop::Registration reading;
  };

  void accept() {
    auto accepted = accept_from(listener_.get());
    if (!accepted || !*accepted) return;
    visitors_.push_back(std::make_unique<Visitor>());
    Visitor* visitor = visitors_.back().get();
    visitor->fd = std::move((*accepted)->fd);
    visitor->reading = loop_.watch(visitor->fd.get(), [this, visitor] { read(*visitor); });
  }
  void read(Visitor& visitor) {
    char buffer[4096];
    const IoResult got = read_some(visitor.fd.get(), buffer);
    if (got.status != IoResult::Status::ok) return visitor.reading.reset();
    if (heard_.empty()) write_some(visitor.fd.get(), answer_);
    heard_.append(buffer, got.bytes);
  }

  EventLoop& loop_;
  const std::string answer_;
  UniqueFd listener_;
  std::vector<std::unique_ptr<Visitor>> visitors_;
  std::string heard_;
  EventLoop::Registration accepting_;
};

// Turns until it holds; false after a time far beyond what a slow machine needs.
template <class Condition>
bool turn_until(EventLoop& loop, const Condition& holds) {
  const TimePoint deadline = steady_now() + 20s;
  while (!holds()) {
    if (steady_now() > deadline) return false;
    loop.turn(10ms);
  }
  return true;
}

}  // namespace gw
