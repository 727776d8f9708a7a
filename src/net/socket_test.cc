#include "net/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "net/socket_testing.h"

namespace gw {
namespace {

SocketAddress loopback(const char* text = "127.0.0.1:0") { return *SocketAddress::parse(text); }

Accepted accept_one(int listener) {
  wait_readable(listener);
  Result<std::optional<Accepted>> accepted = accept_from(listener);
  EXPECT_TRUE(accepted && *accepted);
  return std::move(**accepted);
}

TEST(Socket, PicksAPortAndSharesIt) {
  const UniqueFd first = *listen_on(loopback());
  const SocketAddress address = *local_address(first.get());
  EXPECT_NE(address.port, 0);
  EXPECT_TRUE(listen_on(address));
  const auto alone = listen_on(address, {.reuse_port = false});
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().code, Errc::already_exists);
  EXPECT_NE(alone.error().detail.find(address.text()), std::string::npos);
}

TEST(Socket, AcceptsWithNoDelayAndNonBlocking) {
  const UniqueFd listener = *listen_on(loopback());
  EXPECT_FALSE(*accept_from(listener.get()));
  const UniqueFd client = connect_to(*local_address(listener.get()));
  const Accepted accepted = accept_one(listener.get());
  EXPECT_EQ(accepted.peer, *local_address(client.get()));
  int no_delay = 0;
  socklen_t size = sizeof(no_delay);
  ASSERT_EQ(getsockopt(accepted.fd.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
  EXPECT_NE(no_delay, 0);
  std::array<char, 8> buffer;
  EXPECT_EQ(read_some(accepted.fd.get(), buffer).status, IoResult::Status::again);
}

TEST(Socket, ServesIpv6) {
  const UniqueFd listener = *listen_on(loopback("[::1]:0"));
  const UniqueFd client = connect_to(*local_address(listener.get()));
  EXPECT_EQ(accept_one(listener.get()).peer.ip, *IpAddress::parse("::1"));
}

TEST(Socket, WritesPartsInOrderAndReportsEveryEnd) {
  const UniqueFd listener = *listen_on(loopback());
  UniqueFd client = connect_to(*local_address(listener.get()));
  const Accepted accepted = accept_one(listener.get());
  std::string hello = "hello ", world = "world";
  const std::array<iovec, 2> parts{iovec{hello.data(), hello.size()}, iovec{world.data(), world.size()}};
  EXPECT_EQ(write_some(accepted.fd.get(), parts).bytes, 11u);
  std::array<char, 64> buffer;
  wait_readable(client.get());
  EXPECT_EQ(std::string_view(buffer.data(), read_some(client.get(), buffer).bytes), "hello world");

  const std::string block(1 << 16, 'x');
  IoResult result;
  do {
    result = write_some(accepted.fd.get(), block);
  } while (result.status == IoResult::Status::ok);
  EXPECT_EQ(result.status, IoResult::Status::again);

  client.reset();  // unread bytes in it: a reset
  wait_readable(accepted.fd.get());
  EXPECT_EQ(read_some(accepted.fd.get(), buffer).status, IoResult::Status::failed);
  EXPECT_EQ(write_some(accepted.fd.get(), block).status, IoResult::Status::failed);
}

TEST(Socket, AnEndOfThePeersSideIsAnEnd) {
  const UniqueFd listener = *listen_on(loopback());
  const UniqueFd client = connect_to(*local_address(listener.get()));
  const Accepted accepted = accept_one(listener.get());
  ::shutdown(client.get(), SHUT_WR);
  wait_readable(accepted.fd.get());
  std::array<char, 8> buffer;
  EXPECT_EQ(read_some(accepted.fd.get(), buffer).status, IoResult::Status::end);
}

TEST(Socket, RunningOutOfDescriptorsIsSaidAndNothingIsLost) {
  const UniqueFd listener = *listen_on(loopback());
  const UniqueFd client = connect_to(*local_address(listener.get()));
  wait_readable(listener.get());
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{static_cast<rlim_t>(client.get() + 1), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  const auto refused = accept_from(listener.get());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::resource_exhausted);
  EXPECT_EQ(accept_one(listener.get()).peer, *local_address(client.get()));
}

TEST(Socket, TheLastWordIsReadByAPeerThatWasStillSending) {
  const UniqueFd listener = *listen_on(loopback());
  UniqueFd client = connect_to(*local_address(listener.get()));
  UniqueFd accepted = accept_one(listener.get()).fd;
  std::array<char, 64> buffer;
  ASSERT_EQ(write_some(client.get(), "more than was read").status, IoResult::Status::ok);
  ASSERT_EQ(write_some(accepted.get(), "no").status, IoResult::Status::ok);
  end_output(accepted.get());
  wait_readable(accepted.get());
  EXPECT_TRUE(discard_input(accepted.get(), buffer));
  ASSERT_EQ(read_some(client.get(), buffer).bytes, 2u);
  EXPECT_EQ(read_some(client.get(), buffer).status, IoResult::Status::end);
  client.reset();
  wait_readable(accepted.get());
  EXPECT_FALSE(discard_input(accepted.get(), buffer));
}

TEST(UniqueFd, ClosesOnce) {
  UniqueFd first = make_wake_fd();
  const int raw = first.get();
  UniqueFd second = std::move(first);
  EXPECT_FALSE(first);
  EXPECT_EQ(second.get(), raw);
  second.reset();
  EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
}

}  // namespace
}  // namespace gw
