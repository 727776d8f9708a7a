#include "net/batch_sender.h"

#include <gtest/gtest.h>
#include <linux/io_uring.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

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

// Asked of the kernel itself: a sandbox may refuse it.
bool kernel_allows_io_uring() {
  io_uring_params params{};
  const UniqueFd ring(static_cast<int>(syscall(SYS_io_uring_setup, 1, &params)));
  return static_cast<bool>(ring);
}

enum class Way { one_by_one, io_uring };

class BatchSenderTest : public testing::TestWithParam<Way> {
 protected:
  BatchSenderTest() {
    if (GetParam() == Way::io_uring) {
      EXPECT_EQ(sender_.use_io_uring(), kernel_allows_io_uring());
    }
  }

  // So many more that io_uring is worth it.
  std::vector<Pair> add_others() {
    std::vector<Pair> others;
    for (size_t i = 0; i < BatchSender::kRingMin; ++i) put(sender_, others.emplace_back(make_pair()), {"x"});
    return others;
  }

  BatchSender sender_;
};

// Says when the second way is only the first again.
std::string name_of(const testing::TestParamInfo<Way>& way) {
  if (way.param == Way::one_by_one) return "OneByOne";
  return kernel_allows_io_uring() ? "IoUring" : "IoUringRefusedSoOneByOne";
}
INSTANTIATE_TEST_SUITE_P(Ways, BatchSenderTest, testing::Values(Way::one_by_one, Way::io_uring), name_of);

TEST_P(BatchSenderTest, SendsToEachWhatIsForIt) {
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

TEST_P(BatchSenderTest, TellsAFullAndADeadSocketFromAGoodOne) {
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
  const std::vector<Pair> others = add_others();
  const std::span<const IoResult> results = sender_.send();
  ASSERT_EQ(results.size(), 3 + others.size());
  EXPECT_EQ(results[0].status, IoResult::Status::again);
  EXPECT_EQ(results[1].status, IoResult::Status::failed);
  EXPECT_EQ(results[2].status, IoResult::Status::ok);
  EXPECT_EQ(received(good), "c");
}

TEST_P(BatchSenderTest, TellsHowMuchOfALongOneWasTaken) {
  const Pair pair = make_pair();
  const std::string much(8 << 20, 'x');
  put(sender_, pair, {much});
  const std::vector<Pair> others = add_others();
  const IoResult result = sender_.send()[0];
  EXPECT_EQ(result.status, IoResult::Status::ok);
  EXPECT_GT(result.bytes, 0u);
  EXPECT_LT(result.bytes, much.size());
}

TEST_P(BatchSenderTest, SendsAnyNumber) {
  std::vector<Pair> pairs;
  for (size_t count = 0; count <= 2 * BatchSender::kRingMin; ++count) {
    for (const Pair& pair : pairs) put(sender_, pair, {"a", "b"});
    EXPECT_EQ(sender_.send().size(), count);
    for (const Pair& pair : pairs) EXPECT_EQ(received(pair), "ab");
    pairs.push_back(make_pair());
  }
}

}  // namespace
}  // namespace gw
