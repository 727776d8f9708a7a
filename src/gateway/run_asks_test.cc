#include "gateway/run_asks.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

// The first run that is asked for is made when the test says so; later ones are refused within the call, as
// Redis's store does while it is not connected.
class RefusingStore final : public RunStore {
 public:
  void create(NewRun run, RunDone<RunCreated> done) override {
    spans.push_back(run.span);
    deepest = std::max(deepest, ++depth);
    if (!first) {
      first = std::move(done);
    } else {
      RunRefusal refusal;
      refusal.code = RunErrc::resource_exhausted;
      done(refusal);
    }
    --depth;
  }
  void withdraw(const std::string&) override {}
  void claim(const std::string&, const RunReach&, RunClaim, RunDone<RunClaimed>) override {}
  void append(const std::string&, const RunReach&, RunAppend, RunDone<RunAppended>) override {}
  void heartbeat(const std::string&, const RunReach&, RunHeartbeat, RunDone<RunBeat>) override {}
  void cancel(const std::string&, const RunReach&, std::string, RunDone<RunCancelled>) override {}
  void remove(const std::string&, const RunReach&, RunDone<void>) override {}
  void find(const std::string&, const RunReach&, RunDone<const Run*>) override {}
  void find_record(const std::string&, const RunReach&, RunDone<const Run*>) override {}
  void find_tail(const std::string&, const RunReach&, const std::optional<RunCursor>&,
                 RunDone<RunTail>) override {}
  void list(const RunFilter&, RunDone<RunList>) override {}
  void find_thread(const RunAudience&, ChannelIndex, std::string_view, RunDone<std::string>) override {}
  void on_pushed(std::function<void(const RunPushed&)>) override {}
  void find_pushed(const RunAudience&, RunDone<std::vector<std::string>>) override {}
  void on_ended(std::function<void(const std::string&, const RunEnded&)>) override {}
  RunReading read(const std::string&, std::weak_ptr<RunReader>, RunDone<const Run*>) override { return {}; }
  WallTime now() const override { return {}; }
  RunStats stats() const override { return {}; }
  void stop() override {}

  int depth = 0, deepest = 0;
  RunDone<RunCreated> first;
  std::vector<std::optional<OpenSpan>> spans;  // of the runs that were asked for

 private:
  void end_reading(uint64_t) override {}
  const Run* run_of_reading(uint64_t) const override { return nullptr; }
};

event::Message question(int number, bool with_run) {
  event::Message message{};
  message.message_id = std::to_string(number);
  if (with_run) message.run = std::make_shared<event::RunAsked>();
  return message;
}

TEST(RunAsks, HoweverManyWaitTheyAreAnsweredInOrderAndOnOneStack) {
  RefusingStore store;
  std::vector<std::string> answered;
  RunAsks asks({store,
                [](const std::string&, bool, const Done<Submitted>&) { FAIL() << "nothing has an id"; },
                [&](event::Message&& message) { answered.push_back("sent " + message.message_id); },
                [&](const event::Message& message, protocol::ErrorCode) {
                  answered.push_back("refused " + message.message_id);
                },
                [](const event::Message&, const std::string&) {}});
  constexpr int kCount = 1000;
  for (int i = 0; i < kCount; ++i) {
    event::Message message = question(i, i % 2 == 0);
    EXPECT_TRUE(asks.take(message)) << "it stands behind the first";
  }
  EXPECT_TRUE(answered.empty());
  store.first(RunCreated{});
  ASSERT_EQ(answered.size(), size_t{kCount});
  for (int i = 0; i < kCount; ++i) {
    const bool is_sent = i == 0 || i % 2 == 1;
    EXPECT_EQ(answered[static_cast<size_t>(i)], (is_sent ? "sent " : "refused ") + std::to_string(i));
  }
  EXPECT_EQ(store.deepest, 1);
  event::Message plain = question(kCount, false);
  EXPECT_FALSE(asks.take(plain)) << "nobody is before it any more";
}

TEST(RunAsks, TheSpanOfARunIsAChildOfItsMessages) {
  RefusingStore store;
  RunAsks asks({store, [](const std::string&, bool, const Done<Submitted>&) {}, [](event::Message&&) {},
                [](const event::Message&, protocol::ErrorCode) {},
                [](const event::Message&, const std::string&) {}});
  event::Message untraced = question(1, true), traced = question(2, true);
  const OpenSpan open = begin_span({}, protocol::new_trace(true), {}, 1);
  traced.span = std::make_shared<MessageSpan>(MessageSpan{open, ConnectionId::make(), 1, "2"});
  traced.handle.slot = 1;
  asks.take(untraced);
  asks.take(traced);
  ASSERT_EQ(store.spans.size(), 2u);
  EXPECT_FALSE(store.spans[0]);
  ASSERT_TRUE(store.spans[1]);
  EXPECT_TRUE(store.spans[1]->kept());
  EXPECT_EQ(store.spans[1]->context.trace_id, open.context.trace_id);
  EXPECT_EQ(store.spans[1]->parent, open.context.parent_id);
  EXPECT_NE(store.spans[1]->context.parent_id, open.context.parent_id);
}

}  // namespace
}  // namespace gw
