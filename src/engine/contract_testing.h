// What the tests of both engines share: an engine of either kind, a loop that turns until answers come, and
// an agent that remembers. The expectations are the same for both; only the time to wait differs.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "engine/kinds_testing.h"
#include "engine/memory/engine.h"
#include "engine/redis/engine.h"

namespace gw {

using Texts = std::vector<std::string>;

// An agent's stream that remembers what came, and can be full.
class TestAgent : public AgentSink {
 public:
  bool deliver(std::string_view id, std::string_view envelope) override {
    if (full) return false;
    ids.emplace_back(id);
    envelopes.emplace_back(envelope);
    // What EngineTest::envelope() wrapped.
    const size_t begin = envelope.find("\"text\":\"") + 8;
    texts.emplace_back(envelope.substr(begin, envelope.size() - begin - 2));
    return true;
  }
  bool missed() override {
    if (full) return false;
    has_missed = true;
    return true;
  }
  void fell_behind() override { ended = true; }

  Texts ids;
  Texts envelopes;
  Texts texts;
  bool full = false;
  bool ended = false;
  bool has_missed = false;
  const std::shared_ptr<AgentSink> self{this, [](AgentSink*) {}};
  SubscriptionHandle subscription;
};

struct TestLimits {
  ChannelQueue::Options queue{3, size_t{1} << 20, 300s, 250ms, {}};
  SessionStoreOptions sessions;
  RevocationStoreOptions revocations;
  PresenceOptions presence;
  WebhookStoreOptions webhooks;
  Duration ack_wait = GroupMembers::kAckWait;
};

// One gateway's engine, and what it gave that gateway's clients.
class TestInstance {
 public:
  explicit TestInstance(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {
    clients().attach({.publish =
                          [this](const Publication& publication) {
                            if (shards_behind) return Result<void>(Error{Errc::resource_exhausted, "behind"});
                            published.push_back(publication);
                            return Result<void>();
                          },
                      .send =
                          [this](const ConnectionHandle& handle, std::string_view message) {
                            if (shards_behind) return Result<void>(Error{Errc::resource_exhausted, "behind"});
                            sent.emplace_back(handle, message);
                            return Result<void>();
                          },
                      .engine_lost = [this] { ++losses; },
                      .post =
                          [this](const ClientPost& post, Done<PostVerdict> done) {
                            posted.push_back(post);
                            if (answers_posts) done(verdict);
                          }});
    sessions().on_change([this](const SessionPtr& session) { changed.push_back(session); });
    engine_->start();
  }

  Engine& engine() { return *engine_; }
  AgentDelivery& agents() { return engine_->agents(); }
  ClientDelivery& clients() { return engine_->clients(); }
  Registry& registry() { return engine_->registry(); }
  SessionStore& sessions() { return engine_->sessions(); }
  RevocationStore& revocations() { return engine_->revocations(); }

  Texts published_messages() const {
    Texts out;
    for (const Publication& publication : published) out.push_back(publication.message);
    return out;
  }

  std::vector<Publication> published;
  std::vector<std::pair<ConnectionHandle, std::string>> sent;
  std::vector<ClientPost> posted;
  std::vector<SessionPtr> changed;
  int losses = 0;  // of the engine
  bool shards_behind = false;
  PostVerdict verdict{PostVerdict::Kind::taken, 2};  // of what is posted
  bool answers_posts = true;

 private:
  const std::unique_ptr<Engine> engine_;
};

class EngineTest : public testing::Test {
 protected:
  static constexpr Duration kPatience = 20s;  // far beyond what a slow machine needs

  EngineTest() {
    static int tests = 0;
    key_prefix_ = "test" + std::to_string(++tests) + ":";
  }
  void TearDown() override {
    for (const auto& answers : answers_) EXPECT_EQ(*answers, 1) << "every call is answered exactly once";
  }

  std::unique_ptr<TestInstance> start(EngineUnderTest kind, const std::string& name = "gw-1") {
    return start(make_engine(kind, name));
  }
  std::unique_ptr<TestInstance> start(std::unique_ptr<Engine> engine) {
    auto instance = std::make_unique<TestInstance>(std::move(engine));
    EXPECT_TRUE(until([&] {
      return probe(*instance).has_value() && instance->engine().stats().away.empty();
    })) << "the engine is not ready";
    return instance;
  }
  std::unique_ptr<Engine> make_engine(EngineUnderTest kind, const std::string& name) {
    if (kind == EngineUnderTest::memory)
      return std::make_unique<memory::Engine>(loop_, channels_, memory_options(name));
    return std::make_unique<redis::Engine>(loop_, channels_, redis_options(kind, name));
  }
  memory::EngineOptions memory_options(const std::string& name) const {
    memory::EngineOptions options;
    options.instance_id = name;
    options.sessions = limits_.sessions;
    options.revocations = limits_.revocations;
    options.presence = limits_.presence;
    options.webhooks = limits_.webhooks;
    options.agents.queue = limits_.queue;
    options.agents.ack_wait = limits_.ack_wait;
    return options;
  }
  redis::EngineOptions redis_options(EngineUnderTest kind, const std::string& name) const {
    redis::EngineOptions options;
    using enum EngineUnderTest;
    const bool in_one_slot = kind == redis_cluster || kind == redis_cluster_with_inbox;
    options.urls = urls_of(kind);
    if (kind == redis_divided_cluster) options.tags = 5;
    // The slot may be of any of the masters.
    options.key_prefix = in_one_slot ? key_prefix_ + "{" + key_prefix_ + "}:" : key_prefix_;
    options.instance_id = name;
    options.sessions = limits_.sessions;
    options.revocations = limits_.revocations;
    options.presence = limits_.presence;
    options.webhooks = limits_.webhooks;
    options.agents.ack_wait = limits_.ack_wait;
    redis::SenderOptions& sender = options.agents.sender;
    sender.queue = limits_.queue;
    sender.inbox = has_inbox(kind);
    return options;
  }

  // Turns the loop until it holds; false when it never does.
  template <class Condition>
  bool until(const Condition& holds) {
    const TimePoint deadline = steady_now() + kPatience;
    // What was asked outside of a turn leaves at the end of the next one that has something to do.
    loop_.post([] {});
    while (!holds()) {
      if (steady_now() > deadline) return false;
      loop_.turn(10ms);
    }
    return true;
  }
  // Everything that is under way has arrived: a probe is behind it on every connection.
  void settle(TestInstance& instance) {
    ASSERT_TRUE(probe(instance));
    loop_.turn(0ms);
  }

  // Answers arrive in the slot that it returns; every one must come once.
  template <class T>
  using Slot = std::shared_ptr<std::optional<Result<T>>>;
  template <class T>
  Done<T> into(const Slot<T>& slot) {
    const auto answers = std::make_shared<int>(0);
    answers_.push_back(answers);
    return [slot, answers](Result<T> result) {
      ++*answers;
      slot->emplace(std::move(result));
    };
  }
  template <class T>
  Slot<T> slot() {
    return std::make_shared<std::optional<Result<T>>>();
  }
  template <class T>
  bool all_answered(const std::vector<Slot<T>>& slots) {
    return until([&] {
      return std::all_of(slots.begin(), slots.end(), [](const Slot<T>& s) { return s->has_value(); });
    });
  }
  // `call` gets a Done<T>; answers what it was told.
  template <class T, class Call>
  Result<T> ask(const Call& call) {
    const Slot<T> answer = slot<T>();
    call(into<T>(answer));
    if (!until([&] { return answer->has_value(); })) return Error{Errc::internal, "no answer"};
    return **answer;
  }
  Result<void> probe(TestInstance& instance) {
    return ask<void>([&](Done<void> done) { instance.engine().probe(std::move(done)); });
  }

  static std::string envelope(const std::string& id, const std::string& text) {
    return "{\"message_id\":\"" + id + "\",\"text\":\"" + text + "\"}";
  }
  AgentMessage message(const std::string& text, const std::string& tenant = "",
                       std::optional<std::string> dedupe = {}, bool everywhere = false) {
    const std::string id = "m" + std::to_string(++last_message_);
    return {0, tenant, id, envelope(id, text), std::move(dedupe), everywhere};
  }
  // published, queued, duplicate or the error's name.
  static std::string outcome_of(const Result<Submitted>& result) {
    constexpr const char* kNames[] = {"published", "queued", "duplicate"};
    return result ? kNames[result->outcome] : to_string(result.error().code);
  }
  std::string submit(TestInstance& instance, AgentMessage message) {
    return outcome_of(
        ask<Submitted>([&](Done<Submitted> done) { instance.agents().submit(message, std::move(done)); }));
  }
  Result<void> publish(TestInstance& instance, const std::string& text, const std::string& tenant = "") {
    const std::string id = "p" + std::to_string(++last_message_);
    const Publication publication{0, tenant, "realm", "\"" + text + "\"", envelope(id, text), id};
    const auto missed =
        ask<Missed>([&](Done<Missed> done) { instance.clients().publish(publication, std::move(done)); });
    if (!missed) return missed.error();
    EXPECT_EQ(*missed, Missed{});
    return {};
  }
  Result<void> try_subscribe(TestInstance& instance, TestAgent& agent, const std::string& group = "",
                             const std::string& tenant = "") {
    return ask<void>([&](Done<void> done) {
      agent.subscription = instance.agents().subscribe({0, group, tenant}, agent.self, std::move(done));
    });
  }
  void subscribe(TestInstance& instance, TestAgent& agent, const std::string& group = "",
                 const std::string& tenant = "") {
    const auto subscribed = try_subscribe(instance, agent, group, tenant);
    EXPECT_TRUE(subscribed) << (subscribed ? "" : subscribed.error().detail);
  }

  EventLoop loop_;
  ChannelTable channels_{{"guide", "pillar:content", "pillar:insights"}};
  TestLimits limits_;
  std::string key_prefix_;
  int last_message_ = 0;

 private:
  std::vector<std::shared_ptr<int>> answers_;
};

// The same for a suite over engines: instance_ is the one under test.
class EngineContract : public EngineTest, public testing::WithParamInterface<EngineUnderTest> {
 protected:
  void begin() { instance_ = start(GetParam()); }
  AgentDelivery& agents() { return instance_->agents(); }
  ClientDelivery& clients() { return instance_->clients(); }
  Registry& registry() { return instance_->registry(); }
  SessionStore& sessions() { return instance_->sessions(); }

  std::unique_ptr<TestInstance> instance_;
};

inline Session test_session(const std::string& id, const std::string& user, const std::string& tenant = "") {
  Session session;
  session.key = sha256(id);
  session.ref = "ref-" + id;
  session.user_id = user;
  session.type = "web";
  session.tenant_id = tenant;
  session.context_json = "{}";
  session.created_at = wall_now();
  session.expires_at = session.created_at + 1h;
  return session;
}

inline SessionPtr shared_session(const std::string& id, const std::string& user,
                                 const std::string& tenant = "") {
  return std::make_shared<const Session>(test_session(id, user, tenant));
}

inline ConnectionRecord test_connection(SessionPtr session, uint32_t slot = 0) {
  ConnectionRecord record;
  record.id = ConnectionId::make();
  record.session = std::move(session);
  record.handle = {0, slot, 1};
  record.channels.add(0);
  record.connected_at = record.last_activity = record.last_heartbeat = wall_now();
  return record;
}

}  // namespace gw
