// The model of Redis answers as Redis does: the same histories at random in both, every answer compared.
#include <gtest/gtest.h>

#include <cstdlib>

#include "sim/redis/histories.h"
#include "sim/redis/real_redis.h"

namespace gw::sim {
namespace {

constexpr int kHistories = 60;
constexpr int kCommands = 400;

// Another run may ask for others: GATEWAY_SEED.
uint64_t first_seed() {
  const char* const text = std::getenv("GATEWAY_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 1;
}

void run_history(uint64_t seed, Comparison& both, const std::vector<size_t>& connections) {
  Random random(seed);
  std::vector<std::string> ids;
  both.advance(10'000);
  ASSERT_EQ(both.run(connections[0], {"FLUSHALL"}), "");
  for (int i = 0; i < kCommands; ++i) {
    if (random.one_in(3)) both.advance(random.one_of({0, 1, 40, 700, 35'000}));
    const size_t asker = connections[random.below(2)];
    const Words words = random_command(random, ids, both.now());
    ASSERT_EQ(both.run(asker, words), "") << "seed " << seed;
    if (words[0] == "XADD" && both.last().kind == Answer::Kind::bulk) ids.push_back(both.last().text);
    if (random.one_in(50)) {
      const char* const how = random.one_of({"SUBSCRIBE", "UNSUBSCRIBE"});
      ASSERT_EQ(both.run(connections[2], {how, random.one_of({"news", "other"})}), "") << "seed " << seed;
    }
  }
  ASSERT_EQ(both.compare_data(connections[0]), "") << "seed " << seed;
}

TEST(RedisModel, AnswersAsRedisDoes) {
  Comparison both;
  const std::vector<size_t> connections{both.connect(), both.connect(), both.connect()};
  for (int i = 0; i < kHistories && !HasFatalFailure(); ++i) {
    run_history(first_seed() + static_cast<uint64_t>(i), both, connections);
  }
}

}  // namespace
}  // namespace gw::sim
