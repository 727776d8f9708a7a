#include "engine/redis/run_appends.h"

#include "engine/redis/run_testing.h"

namespace gw {
namespace {

class RunAppends : public RunTest {};

TEST_F(RunAppends, NothingIsKeptOfRunsThatAreNotThere) {
  const auto instance = start(EngineUnderTest::redis, "gw-a");
  ASSERT_TRUE(create(instance->engine().runs(), new_run("r", "one")));
  redis::DialOptions dial;
  dial.url = redis::TestServer::shared().url();
  redis::Client client(loop_, dial, "appends");
  client.start({.on_up = [] {}, .on_down = [] {}, .on_push = {}});
  ASSERT_TRUE(until([&] { return client.is_up(); }));
  redis::load_scripts(client);
  const redis::Keys keys(key_prefix_, "gw-x", 0);
  const redis::RunStoreOptions options;
  redis::RunCalls calls({loop_, client, keys, channels_}, options);
  redis::RunIndex index(client, keys, options.limits);
  redis::RunAppends appends({loop_, calls, index},
                            {.on_alive = [](const std::string&, Duration) {},
                             .on_ended = [](const std::string&, RunStatus, const redis::RunCounted&) {}});
  const auto say = [&](const std::string& id) {
    return code_of(ask_run<RunAppended>([&](RunDone<RunAppended> done) {
      appends.append(id, {}, batch("one", 1, 0, "text"), std::move(done));
    }));
  };
  for (int i = 0; i < 50; ++i) EXPECT_EQ(say("nobodys-" + std::to_string(i)), "run_not_found");
  EXPECT_EQ(appends.owners(), 0u);
  EXPECT_EQ(say("r"), "ok");
  EXPECT_EQ(appends.owners(), 1u);
  appends.tick(loop_.now() + RunLimits::kLeaseMax + 1s);
  EXPECT_EQ(appends.owners(), 0u) << "nor of an owner that is silent for long";
}

}  // namespace
}  // namespace gw
