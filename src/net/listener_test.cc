#include "net/listener.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

#include "net/socket_testing.h"

namespace gw {
namespace {

class ListenerTest : public ::testing::Test {
 protected:
  ListenerTest()
      : listeners_(poller_,
                   {.accepted = [this](Accepted&& peer, const SocketAddress&,
                                       const Listener&) { accepted_.push_back(std::move(peer)); },
                    .failed = [this](const Error&, bool again) { told_ += again ? "again " : "failed "; },
                    .recovered = [this](uint64_t n) { told_ += "recovered:" + std::to_string(n) + " "; }}) {
    UniqueFd listener = *listen_on(*SocketAddress::parse("127.0.0.1:0"));
    address_ = *local_address(listener.get());
    listeners_.add(std::move(listener), now_);
  }

  // What is readable within `wait`.
  size_t turn(Duration wait) {
    const auto events = poller_.wait(wait);
    for (const epoll_event& event : events) {
      EXPECT_TRUE(ListenerSet::is_key(event.data.u64));
      listeners_.on_ready(event.data.u64, now_);
    }
    return events.size();
  }

  Poller poller_;
  ListenerSet listeners_;
  SocketAddress address_;
  std::vector<Accepted> accepted_;
  std::string told_;
  TimePoint now_ = TimePoint() + 1h;
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

TEST_F(ListenerTest, TakesWhoeverComes) {
  const UniqueFd first = connect_to(address_);
  const UniqueFd second = connect_to(address_);
  while (accepted_.size() < 2) ASSERT_NE(turn(20s), 0u);
  EXPECT_TRUE(listeners_.is_accepting());
  EXPECT_EQ(told_, "");
}

TEST_F(ListenerTest, RestsWithoutDescriptorsAndTakesThemAfterwards) {
  const UniqueFd waiting = connect_to(address_);
  {
    const NoDescriptors none;
    ASSERT_EQ(turn(20s), 1u);
    EXPECT_FALSE(listeners_.is_accepting());
    // Somebody waits in the backlog, and nothing is readable: no turn is spent on it.
    EXPECT_EQ(turn(0s), 0u);
    listeners_.tick(now_ + ListenerSet::kRest - 1ms);
    EXPECT_EQ(told_, "failed ");
    now_ += ListenerSet::kRest;
    listeners_.tick(now_);
    EXPECT_EQ(told_, "failed again ");
    EXPECT_EQ(turn(0s), 0u);
  }
  now_ += ListenerSet::kRest;
  listeners_.tick(now_);
  EXPECT_EQ(told_, "failed again recovered:2 ");
  EXPECT_TRUE(listeners_.is_accepting());
  EXPECT_EQ(accepted_.size(), 1u);
}

TEST_F(ListenerTest, OneThatComesWhileTheOthersRestWakesWithThem) {
  const UniqueFd waiting = connect_to(address_);
  UniqueFd other = *listen_on(*SocketAddress::parse("127.0.0.1:0"));
  const SocketAddress other_address = *local_address(other.get());
  {
    const NoDescriptors none;
    ASSERT_EQ(turn(20s), 1u);
  }
  listeners_.add(std::move(other), now_);
  const UniqueFd late = connect_to(other_address);
  EXPECT_EQ(turn(0s), 0u);
  now_ += ListenerSet::kRest;
  listeners_.tick(now_);
  while (accepted_.size() < 2) ASSERT_NE(turn(20s), 0u);
}

TEST_F(ListenerTest, WhatIsClosedIsLeftToTheSocketsOtherOwners) {
  UniqueFd held = *listen_on(*SocketAddress::parse("127.0.0.1:0"));
  listeners_.add(UniqueFd(dup(held.get())), now_);
  listeners_.close();
  const UniqueFd waiting = connect_to(*local_address(held.get()));
  // epoll would still tell of it, as of any socket that somebody has open.
  EXPECT_EQ(turn(50ms), 0u);
  EXPECT_TRUE(accepted_.empty());
  while (!*accept_from(held.get())) poller_.wait(1ms);
}

}  // namespace
}  // namespace gw
