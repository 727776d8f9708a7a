// What two instances on one Redis are to each other.
#include "engine/contract_testing.h"

namespace gw {
namespace {

constexpr auto kRedis = EngineUnderTest::redis;
constexpr auto kWithInbox = EngineUnderTest::redis_with_inbox;

class Cluster : public EngineTest {
 protected:
  void begin(EngineUnderTest kind) {
    a_ = start(kind, "gw-a");
    b_ = start(kind, "gw-b");
  }
  std::string add(TestInstance& instance, const ConnectionRecord& record, size_t per_user = 5) {
    const auto added = ask<void>([&](Done<void> done) {
      instance.registry().add(record, {.per_user = per_user, .total = 100}, std::move(done));
    });
    return added ? "added" : to_string(added.error().code);
  }
  std::optional<ConnectionRecord> find(TestInstance& instance, const ConnectionId& id) {
    const auto found = ask<std::optional<ConnectionRecord>>(
        [&](Done<std::optional<ConnectionRecord>> done) { instance.registry().find(id, std::move(done)); });
    return found ? *found : std::nullopt;
  }
  size_t selected(TestInstance& instance, const Selector& selector) {
    const auto found = ask<std::vector<ConnectionRecord>>([&](Done<std::vector<ConnectionRecord>> done) {
      instance.registry().select(selector, std::move(done));
    });
    return found ? found->size() : 999;
  }
  ConnectionCounts count(TestInstance& instance) {
    const auto counts = ask<ConnectionCounts>(
        [&](Done<ConnectionCounts> done) { instance.registry().count("", true, std::move(done)); });
    return counts ? *counts : ConnectionCounts();
  }
  Result<void> send(TestInstance& instance, const ConnectionRecord& to, const std::string& text) {
    return ask<void>([&](Done<void> done) { instance.clients().send(to, text, std::move(done)); });
  }
  size_t close(TestInstance& instance) {
    const auto lost =
        ask<size_t>([&](Done<size_t> done) { instance.agents().park_waiting(std::move(done)); });
    return lost ? *lost : 999;
  }

  std::unique_ptr<TestInstance> a_, b_;
};

TEST_F(Cluster, BothHaveTheSameSecretOfAPeriodWhoeverAsksFirst) {
  begin(kRedis);
  const auto secret = [&](TestInstance& instance, uint32_t period) {
    const auto told =
        ask<Digest>([&](Done<Digest> done) { instance.engine().shared_secret(period, std::move(done)); });
    EXPECT_TRUE(told);
    return told ? *told : Digest();
  };
  const Digest first = secret(*a_, 1), second = secret(*b_, 2);
  EXPECT_EQ(secret(*b_, 1), first);
  EXPECT_EQ(secret(*a_, 2), second);
  EXPECT_NE(first, second);
}

TEST_F(Cluster, BothHearThatASessionHasChanged) {
  begin(kRedis);
  const Session session = test_session("s", "ann");
  ASSERT_TRUE(
      ask<SessionPtr>([&](Done<SessionPtr> done) { a_->sessions().insert(session, std::move(done)); }));
  for (TestInstance* const instance : {a_.get(), b_.get()})
    ASSERT_TRUE(until([&] { return instance->sessions().is_unchanged_since(session.key, wall_now()); }));
  auto same = [](const Session& current) -> Result<Session> { return current; };
  ASSERT_TRUE(ask<SessionPtr>(
      [&](Done<SessionPtr> done) { a_->sessions().update(session.key, same, std::move(done)); }));
  for (TestInstance* const instance : {a_.get(), b_.get()})
    ASSERT_TRUE(until([&] { return !instance->sessions().is_unchanged_since(session.key, wall_now()); }));
}

TEST_F(Cluster, WhatIsPostedToOneReachesTheOther) {
  begin(kRedis);
  using Kind = PostVerdict::Kind;
  const ClientPost said{SendToken::make(ConnectionId::make(), "gw-b"), 7, true,
                        "{\"a\":\"\\u00fc \u00fc\"}\r\n{}"};
  const auto post = [&] {
    return ask<PostVerdict>([&](Done<PostVerdict> done) { a_->clients().post(said, std::move(done)); });
  };
  for (const Kind kind : {Kind::taken, Kind::unknown, Kind::out_of_order, Kind::over_rate, Kind::behind}) {
    b_->verdict = {kind, 8};
    const auto answer = post();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->kind, kind);
    EXPECT_EQ(answer->next, 8u);
  }
  const ClientPost& heard = b_->posted.back();
  EXPECT_EQ(heard.token.text(), said.token.text());
  EXPECT_EQ(heard.number, 7u);
  EXPECT_TRUE(heard.is_list);
  EXPECT_EQ(heard.body, said.body);
  EXPECT_TRUE(a_->posted.empty());
  b_->answers_posts = false;
  const auto silent = post();
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, Errc::timeout);
}

TEST_F(Cluster, EachSeesTheOthersConnections) {
  begin(kRedis);
  const ConnectionRecord on_a = test_connection(shared_session("s", "ann", "red"), 3);
  EXPECT_EQ(add(*a_, on_a), "added");
  EXPECT_EQ(add(*b_, test_connection(shared_session("s", "ann", "red"), 4)), "added");
  const auto found = find(*b_, on_a.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->gateway, "gw-a");
  EXPECT_EQ(found->user_id(), "ann");
  EXPECT_EQ(found->tenant_id(), "red");
  EXPECT_EQ(found->session->ref, "ref-s");
  EXPECT_EQ(found->connected_at, on_a.connected_at);
  for (const Selector& selector :
       {Selector(ByUser{"ann"}), Selector(BySession{"ref-s"}), Selector(ByChannel{0})}) {
    EXPECT_EQ(selected(*a_, selector), 2u);
    EXPECT_EQ(selected(*b_, selector), 2u);
    EXPECT_EQ(a_->registry().select_local(selector).size(), 1u);
  }
  EXPECT_EQ(count(*a_).by_gateway, (std::map<std::string, size_t>{{"gw-a", 1}, {"gw-b", 1}}));
  EXPECT_EQ(count(*a_).per_user, (std::map<std::string, size_t>{{"ann", 2}}));
  a_->registry().remove(on_a.id, 1001);
  EXPECT_TRUE(until([&] { return !find(*b_, on_a.id) && selected(*b_, ByUser{"ann"}) == 1; }));
}

TEST_F(Cluster, AChangeShowsOnTheOther) {
  begin(kRedis);
  const ConnectionRecord on_a = test_connection(shared_session("s", "ann"), 3);
  add(*a_, on_a);
  ConnectionChange change{1, {}, on_a.connected_at + 1s, on_a.connected_at + 2s};
  change.channels.add(1);
  a_->registry().update(on_a.id, change);
  EXPECT_TRUE(until([&] {
    const auto found = find(*b_, on_a.id);
    return found && found->channel == 1 && found->channels == change.channels &&
           found->last_activity == change.last_activity && found->last_heartbeat == change.last_heartbeat;
  }));
  a_->registry().replace_session(on_a.id, shared_session("fresh", "ann"));
  EXPECT_TRUE(until([&] { return find(*b_, on_a.id)->session->ref == "ref-fresh"; }));
}

TEST_F(Cluster, AUsersLimitHoldsForAllTogether) {
  begin(kRedis);
  const ConnectionRecord on_a = test_connection(shared_session("s", "ann"));
  EXPECT_EQ(add(*a_, on_a, 2), "added");
  EXPECT_EQ(add(*b_, test_connection(shared_session("s", "ann")), 2), "added");
  const ConnectionRecord third = test_connection(shared_session("s", "ann"));
  EXPECT_EQ(add(*a_, third, 2), "resource_exhausted");
  EXPECT_EQ(add(*b_, third, 2), "resource_exhausted");
  a_->registry().remove(on_a.id, 1000);
  EXPECT_TRUE(until([&] { return add(*b_, third, 2) == "added"; }));
}

TEST_F(Cluster, SendsToTheOthersConnections) {
  begin(kRedis);
  const ConnectionRecord on_a = test_connection(shared_session("s", "ann"), 3);
  add(*a_, on_a);
  const auto seen_by_b = find(*b_, on_a.id);
  ASSERT_TRUE(seen_by_b);
  EXPECT_TRUE(send(*b_, *seen_by_b, "{\"x\" : 1.0e5}"));
  ASSERT_TRUE(until([&] { return !a_->sent.empty(); }));
  EXPECT_EQ(a_->sent[0].first, on_a.handle);
  EXPECT_EQ(a_->sent[0].second, "{\"x\" : 1.0e5}");
  EXPECT_TRUE(b_->sent.empty());
  a_.reset();  // nobody hears there any more: it may come back, until its lease is not fresh
  EXPECT_TRUE(until([&] {
    const auto sent = send(*b_, *seen_by_b, "{}");
    return !sent && sent.error().code == Errc::unavailable;
  }));
  EXPECT_TRUE(until([&] {
    const auto sent = send(*b_, *seen_by_b, "{}");
    return !sent && sent.error().code == Errc::not_found;
  }));
}

TEST_F(Cluster, HoldsWhatItsShardsCannotTakeAndKeepsTheOrder) {
  begin(kRedis);
  a_->shards_behind = true;
  for (const char* text : {"1", "2", "3"}) EXPECT_TRUE(publish(*b_, text));
  EXPECT_TRUE(until([&] { return b_->published.size() >= 3; }));
  settle(*b_);
  EXPECT_TRUE(a_->published.empty());
  a_->shards_behind = false;
  EXPECT_TRUE(until([&] { return a_->published.size() >= 3; }));
  settle(*a_);
  EXPECT_EQ(a_->published_messages(), (Texts{"\"1\"", "\"2\"", "\"3\""}));
}

TEST_F(Cluster, AClientsIdIsKnownOnTheOther) {
  begin(kRedis);
  TestAgent agent;
  subscribe(*a_, agent);
  EXPECT_EQ(submit(*a_, message("1", "", "k", true)), "published");
  EXPECT_EQ(submit(*b_, message("2", "", "k", true)), "duplicate");
  EXPECT_EQ(submit(*b_, message("3", "", "local")), "published");
  EXPECT_TRUE(until([&] { return agent.texts.size() >= 2; }));
  EXPECT_EQ(agent.texts, (Texts{"1", "3"}));
}

TEST_F(Cluster, AClientsIdIsKnownOnTheOtherWhileTheMessageWaits) {
  begin(kRedis);
  EXPECT_EQ(submit(*a_, message("1", "", "k", true)), "queued");
  EXPECT_EQ(submit(*b_, message("2", "", "k", true)), "duplicate");
  TestAgent agent;
  subscribe(*b_, agent);
  EXPECT_TRUE(until([&] { return a_->agents().stats(0).queue_size == 0 && !agent.texts.empty(); }));
  EXPECT_EQ(agent.texts, Texts{"1"});
}

TEST_F(Cluster, AGroupSpansBoth) {
  limits_.queue.messages = 100;
  begin(kWithInbox);
  TestAgent on_a, on_b;
  subscribe(*a_, on_a, "workers");
  subscribe(*b_, on_b, "workers");
  for (int i = 0; i < 20; ++i) submit(i % 2 ? *a_ : *b_, message(std::to_string(i)));
  EXPECT_TRUE(until([&] { return on_a.texts.size() + on_b.texts.size() >= 20; }));
  settle(*a_);
  settle(*b_);
  EXPECT_EQ(on_a.texts.size() + on_b.texts.size(), 20u);
  // Whoever holds it, any instance may take the acknowledgement.
  const Texts ids = on_a.ids.empty() ? on_b.ids : on_a.ids;
  const auto closed = ask<size_t>([&](Done<size_t> done) {
    b_->agents().acknowledge({0, "workers", ""}, ids, std::move(done));
  });
  EXPECT_EQ(*closed, ids.size());
}

TEST_F(Cluster, ASessionsChangeIsToldToBoth) {
  begin(kRedis);
  const Session session = test_session("s", "ann");
  ask<SessionPtr>([&](Done<SessionPtr> done) { a_->sessions().insert(session, std::move(done)); });
  const auto ended = ask<SessionPtr>([&](Done<SessionPtr> done) {
    b_->sessions().update(
        session.key,
        [](const Session& before) -> Result<Session> {
          Session after = before;
          after.status = SessionStatus::inactive;
          return after;
        },
        std::move(done));
  });
  ASSERT_TRUE(ended);
  ASSERT_TRUE(until([&] { return !a_->changed.empty() && !b_->changed.empty(); }));
  EXPECT_EQ(a_->changed[0]->status, SessionStatus::inactive);
  EXPECT_EQ(a_->changed[0]->key, session.key);
}

TEST_F(Cluster, WhatWaitedOnAClosedOneIsDeliveredOnceByAnother) {
  begin(kRedis);
  for (const char* text : {"1", "2", "3"}) EXPECT_EQ(submit(*a_, message(text, "red")), "queued");
  EXPECT_EQ(close(*a_), 0u);
  // The closed one lives on for a moment, as a gateway that drains does.
  TestAgent agent;
  subscribe(*b_, agent);
  EXPECT_TRUE(until([&] { return agent.texts.size() >= 3; }));
  const TimePoint began = steady_now();
  until([&] { return steady_now() - began > 700ms; });  // a closed one that went on would have tried again
  EXPECT_EQ(agent.texts, (Texts{"1", "2", "3"}));
}

TEST_F(Cluster, WhatIsUnderWayWhenOneClosesIsNotLost) {
  begin(kRedis);
  const auto first = slot<Submitted>();
  a_->agents().submit(message("1"), into<Submitted>(first));
  EXPECT_EQ(close(*a_), 0u);
  ASSERT_TRUE(until([&] { return first->has_value(); }));
  EXPECT_EQ(outcome_of(**first), "queued");
  a_.reset();
  TestAgent agent;
  subscribe(*b_, agent);
  EXPECT_TRUE(until([&] { return !agent.texts.empty(); }));
  EXPECT_EQ(agent.texts, Texts{"1"});
}

}  // namespace
}  // namespace gw
