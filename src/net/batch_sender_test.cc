#include "net/batch_sender.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

namespace gw {
namespace {

struct Pair {
  UniqueFd ours;
  UniqueFd theirs;
};
Pair make_pair() {
  int fds[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}
std::string received(const Pair& pair) {
  std::string text(65536, '\0');
  const IoResult result = read_some(pair.theirs.get(), text);
  text.resize(result.bytes);
  return text;
}
void put(BatchSender& sender, const Pair& pair, std::initializer_list<std::string_view> texts) {
  size_t count = 0;
  for (const std::string_view text : texts) {
    sender.parts()[count++] = {const_cast<char*>(text.data()), text.size()};
  }
  sender.add(pair.ours.get(), count);
}

// Without io_uring there is nothing to test, and nothing that would use it.
class BatchSenderTest : public testing::Test {
 protected:
  BatchSender sender_;
};

TEST_F(BatchSenderTest, SendsToEachWhatIsForIt) {
  if (!sender_.is_available()) return;
  std::vector<Pair> pairs;
  for (size_t i = 0; i < BatchSender::kSendsMax; ++i) pairs.push_back(make_pair());
  for (int round = 0; round < 3; ++round) {
    for (const Pair& pair : pairs) put(sender_, pair, {"one ", "two ", "three"});
    EXPECT_TRUE(sender_.is_full());
    for (const IoResult& result : sender_.send()) {
      EXPECT_EQ(result.status, IoResult::Status::ok);
      EXPECT_EQ(result.bytes, 13u);
    }
    for (const Pair& pair : pairs) EXPECT_EQ(received(pair), "one two three");
  }
}

TEST_F(BatchSenderTest, TellsAFullAndADeadSocketFromAGoodOne) {
  if (!sender_.is_available()) return;
  const Pair full = make_pair();
  Pair dead = make_pair();
  const Pair good = make_pair();
  const std::string much(1 << 20, 'x');
  while (write_some(full.ours.get(), much).status == IoResult::Status::ok) {
  }
  dead.theirs.reset();
  put(sender_, full, {"a"});
  put(sender_, dead, {"b"});
  put(sender_, good, {"c"});
  const std::span<const IoResult> results = sender_.send();
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].status, IoResult::Status::again);
  EXPECT_EQ(results[1].status, IoResult::Status::failed);
  EXPECT_EQ(results[2].status, IoResult::Status::ok);
  EXPECT_EQ(received(good), "c");
}

TEST_F(BatchSenderTest, TellsHowMuchOfALongOneWasTaken) {
  if (!sender_.is_available()) return;
  const Pair pair = make_pair();
  const std::string much(8 << 20, 'x');
  put(sender_, pair, {much});
  const IoResult result = sender_.send()[0];
  EXPECT_EQ(result.status, IoResult::Status::ok);
  EXPECT_GT(result.bytes, 0u);
  EXPECT_LT(result.bytes, much.size());
}

}  // namespace
}  // namespace gw
