#include "net/listener.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <string>

#include "net/socket_testing.h"

namespace gw {
namespace {

// No fixture of gtest's: that has virtual functions, which the undefined behaviour sanitizer looks at through
// a pipe, and some tests leave no descriptor for one.
class Listening {
 public:
  Listening()
      : listeners(poller,
                  {.accepted = [this](Accepted&& peer,
                                      const SocketAddress&) { accepted.push_back(std::move(peer)); },
                   .failed = [this](const Error&, bool again) { told += again ? "again " : "failed "; },
                   .recovered = [this](uint64_t n) { told += "recovered:" + std::to_string(n) + " "; }}) {
    UniqueFd listener = *listen_on(*SocketAddress::parse("127.0.0.1:0"));
    address = *local_address(listener.get());
    listeners.add(std::move(listener), now);
  }

  // What is readable within `wait`.
  size_t turn(Duration wait) {
    const auto events = poller.wait(wait);
    for (const epoll_event& event : events) {
      EXPECT_TRUE(ListenerSet::is_key(event.data.u64));
      listeners.on_ready(event.data.u64, now);
    }
    return events.size();
  }

  Poller poller;
  ListenerSet listeners;
  SocketAddress address;
  std::vector<Accepted> accepted;
  std::string told;
  TimePoint now = TimePoint() + 1h;
};

// While it lives, the process gets no new descriptor.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const UniqueFd next = make_wake_fd();
    const rlimit none{static_cast<rlim_t>(next.get()), before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(Listener, TakesWhoeverComes) {
  Listening at;
  const UniqueFd first = connect_to(at.address);
  const UniqueFd second = connect_to(at.address);
  while (at.accepted.size() < 2) ASSERT_NE(at.turn(20s), 0u);
  EXPECT_TRUE(at.listeners.is_accepting());
  EXPECT_EQ(at.told, "");
}

TEST(Listener, RestsWithoutDescriptorsAndTakesThemAfterwards) {
  Listening at;
  const UniqueFd waiting = connect_to(at.address);
  {
    const NoDescriptors none;
    ASSERT_EQ(at.turn(20s), 1u);
    EXPECT_FALSE(at.listeners.is_accepting());
    // Somebody waits in the backlog, and nothing is readable: no turn is spent on it.
    EXPECT_EQ(at.turn(0s), 0u);
    at.listeners.tick(at.now + ListenerSet::kRest - 1ms);
    EXPECT_EQ(at.told, "failed ");
    at.now += ListenerSet::kRest;
    at.listeners.tick(at.now);
    EXPECT_EQ(at.told, "failed again ");
    EXPECT_EQ(at.turn(0s), 0u);
  }
  at.now += ListenerSet::kRest;
  at.listeners.tick(at.now);
  EXPECT_EQ(at.told, "failed again recovered:2 ");
  EXPECT_TRUE(at.listeners.is_accepting());
  EXPECT_EQ(at.accepted.size(), 1u);
}

TEST(Listener, OneThatComesWhileTheOthersRestWakesWithThem) {
  Listening at;
  const UniqueFd waiting = connect_to(at.address);
  UniqueFd other = *listen_on(*SocketAddress::parse("127.0.0.1:0"));
  const SocketAddress other_address = *local_address(other.get());
  {
    const NoDescriptors none;
    ASSERT_EQ(at.turn(20s), 1u);
  }
  at.listeners.add(std::move(other), at.now);
  const UniqueFd late = connect_to(other_address);
  EXPECT_EQ(at.turn(0s), 0u);
  at.now += ListenerSet::kRest;
  at.listeners.tick(at.now);
  while (at.accepted.size() < 2) ASSERT_NE(at.turn(20s), 0u);
}

}  // namespace
}  // namespace gw
