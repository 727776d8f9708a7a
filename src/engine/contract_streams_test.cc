// What becomes of a plain stream that is made, written, read and removed, on both engines.
#include "core/run/plain_stream_machine.h"
#include "engine/contract_runs_testing.h"

namespace gw {
namespace {

class StreamContract : public RunContract {
 protected:
  StreamStore& streams() { return under_test_->streams(); }

  template <class T, class Call>
  StreamResult<T> ask_streams(const Call& call) {
    const auto answer = std::make_shared<std::optional<StreamResult<T>>>();
    call([answer](StreamResult<T> result) {
      EXPECT_FALSE(*answer) << "every call is answered exactly once";
      answer->emplace(std::move(result));
    });
    if (!until([&] { return answer->has_value(); })) {
      ADD_FAILURE() << "no answer";
      return StreamRefusal{};
    }
    return **answer;
  }
  static NewStream new_stream(std::string id, std::string bytes = {}) {
    NewStream stream;
    stream.id = std::move(id);
    stream.realm = "shop";
    stream.content_type = "text/plain";
    stream.bytes = std::move(bytes);
    return stream;
  }
  StreamResult<StreamMade> put(const NewStream& stream) {
    return ask_streams<StreamMade>([&](auto done) { streams().put_stream(stream, std::move(done)); });
  }
  StreamResult<StreamAppended> say(const std::string& id, StreamAppend append) {
    if (append.media_type.empty()) append.media_type = "text/plain";
    const auto known = tail(id);
    if (!known) return StreamRefusal{StreamErrc::not_found};
    return say(*known, std::move(append));
  }
  StreamResult<StreamAppended> say(const RunTail& known, StreamAppend append) {
    return ask_streams<StreamAppended>(
        [&](auto done) { streams().append_stream(known, {}, std::move(append), std::move(done)); });
  }
  StreamResult<StreamAppended> say(const std::string& id, std::string bytes, std::string producer,
                                   uint64_t epoch, uint64_t seq, bool close = false) {
    StreamAppend append;
    append.bytes = std::move(bytes);
    append.close = close;
    append.batch = StreamBatch{std::move(producer), epoch, seq};
    return say(id, std::move(append));
  }
  StreamResult<void> remove_stream(const std::string& id, const RunReach& reach = {}) {
    return ask_streams<void>([&](auto done) { streams().remove_stream(id, reach, std::move(done)); });
  }
  RunResult<RunTail> tail(const std::string& id, RunReach reach = {.streams = true}) {
    return find_tail(id, RunCursor{0, 0, {}}, reach);
  }
  std::string log(const std::string& id) {
    const auto found = tail(id);
    return found ? found->bytes : std::string(to_string(found.error().code));
  }
  template <class T>
  static std::string code(const StreamResult<T>& result) {
    return result ? "" : std::string(to_string(result.error().code));
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, StreamContract, testing::ValuesIn(kEngines), name_of);

// Of several partitions each has its share of a realm's bounds, as for runs.
class StreamBoundsContract : public StreamContract {};

INSTANTIATE_TEST_SUITE_P(Engines, StreamBoundsContract, testing::ValuesIn(kUndividedEngines), name_of);

TEST_P(StreamContract, IsMadeOnceAndReadAsALog) {
  begin();
  NewStream asked = new_stream("s", "one");
  asked.content_type = "Text/Plain; charset=x";
  asked.tenant_id = "red";
  asked.ttl = 60s;
  const auto made = put(asked);
  ASSERT_TRUE(made);
  EXPECT_FALSE(made->existed);
  EXPECT_EQ(made->top, (StreamTop{3, RunHash::of("one"), false}));
  const auto found = tail("s");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->bytes, "one");
  EXPECT_EQ(found->top, (RunTop{RunStatus::in_progress, 0, 3, RunHash::of("one")}));
  const RunRecord& record = found->record;
  EXPECT_EQ(record.tenant_id, "red");
  EXPECT_EQ(record.realm, "shop");
  ASSERT_TRUE(record.rare->stream);
  EXPECT_EQ(record.rare->stream->content_type, asked.content_type);
  EXPECT_EQ(record.rare->stream->ttl, 60s);
  EXPECT_FALSE(record.rare->stream->is_fixed);
  asked.bytes = "never stored";
  EXPECT_TRUE(put(asked)->existed);
  asked.ttl = 61s;
  EXPECT_EQ(code(put(asked)), "stream_exists");
  EXPECT_EQ(log("s"), "one");
}

TEST_P(StreamContract, IsOutOfReachOfOthers) {
  begin();
  ASSERT_TRUE(put(new_stream("s")));
  RunReach reach{.realm = "other", .streams = true};
  EXPECT_FALSE(tail("s", reach));
  EXPECT_EQ(code(remove_stream("s", reach)), "stream_not_found");
  NewStream theirs = new_stream("s");
  theirs.realm = "other";
  EXPECT_EQ(code(put(theirs)), "stream_exists");
}

TEST_P(StreamContract, IsNoRun) {
  begin();
  ASSERT_TRUE(put(new_stream("s", "x")));
  EXPECT_FALSE(find("s"));
  EXPECT_FALSE(tail("s", {}));
  EXPECT_EQ(error_of(create(claimed_run("s"))), "run_exists");
  EXPECT_EQ(error_of(claim("s", "agent")), "run_not_found");
  EXPECT_EQ(error_of(append("s", 0, "text")), "run_not_found");
  EXPECT_EQ(error_of(heartbeat("s", {"a", 1})), "run_not_found");
  EXPECT_EQ(error_of(cancel("s")), "run_not_found");
  EXPECT_EQ(error_of(remove("s")), "run_not_found");
  EXPECT_EQ(log("s"), "x");
  ASSERT_TRUE(create(claimed_run("r")));
  EXPECT_EQ(code(put(new_stream("r"))), "stream_exists");
  EXPECT_EQ(code(remove_stream("r")), "stream_not_found");
  EXPECT_TRUE(find("r"));
}

TEST_P(StreamContract, AnswersEachBatchAsTheRulesSay) {
  begin();
  ASSERT_TRUE(put(new_stream("s")));
  EXPECT_EQ(*say("s", "a", "p", 0, 0), (StreamAppended{false, {1, RunHash::of("a"), false}, 0}));
  EXPECT_EQ(*say("s", "b", "p", 0, 1), (StreamAppended{false, {2, RunHash::of("ab"), false}, 1}));
  EXPECT_EQ(*say("s", "a", "p", 0, 0), (StreamAppended{true, {2, RunHash::of("ab"), false}, 1}));
  EXPECT_EQ(code(say("s", "A", "p", 0, 0)), "sequence_conflict");
  const auto gap = say("s", "d", "p", 0, 3);
  EXPECT_EQ(code(gap), "sequence_gap");
  EXPECT_EQ(gap.error().expected_seq, 2u);
  EXPECT_EQ(gap.error().top, (StreamTop{2, RunHash::of("ab"), false}));
  EXPECT_EQ(say("s", "x", "q", 0, 1).error().expected_seq, 0u);
  EXPECT_EQ(code(say("s", "c", "p", 1, 1)), "invalid_argument");
  EXPECT_EQ(code(say("s", "c", "p", 1, 0)), "");
  const auto old = say("s", "z", "p", 0, 2);
  EXPECT_EQ(code(old), "fenced");
  EXPECT_EQ(old.error().epoch, 1u);
  EXPECT_EQ(code(say("s", {.media_type = "image/png", .bytes = "x"})), "content_type");
  EXPECT_EQ(log("s"), "abc");
}

TEST_P(StreamContract, TellsOfTheLastBatchesAlone) {
  begin();
  ASSERT_TRUE(put(new_stream("s")));
  for (uint64_t seq = 0; seq <= StreamLimits::kBatches; ++seq)
    ASSERT_TRUE(say("s", std::to_string(seq), "p", 0, seq));
  EXPECT_TRUE(say("s", "1", "p", 0, 1)->duplicate);
  EXPECT_EQ(code(say("s", "2", "p", 0, 1)), "sequence_conflict");
  EXPECT_EQ(code(say("s", "0", "p", 0, 0)), "sequence_conflict");
}

TEST_P(StreamContract, ForgetsTheProducerThatWasSilentForLongest) {
  begin();
  ASSERT_TRUE(put(new_stream("s")));
  const auto known = tail("s");
  for (size_t i = 0; i < StreamLimits::kProducers; ++i) {
    const StreamBatch batch{"p" + std::to_string(i), 0, 0};
    ASSERT_TRUE(say(*known, {.media_type = "text/plain", .bytes = "x", .batch = batch}));
  }
  ASSERT_TRUE(say("s", "y", "p0", 0, 1));
  ASSERT_TRUE(say("s", "x", "one-more", 0, 0));
  EXPECT_TRUE(say("s", "y", "p0", 0, 1)->duplicate);
  EXPECT_EQ(say("s", "y", "p1", 0, 1).error().expected_seq, 0u);
}

TEST_P(StreamContract, OrdersStreamSeqByItsBytes) {
  begin();
  ASSERT_TRUE(put(new_stream("s")));
  EXPECT_EQ(code(say("s", {.media_type = {}, .bytes = "1", .seq = "a"})), "");
  EXPECT_EQ(code(say("s", {.media_type = {}, .bytes = "2", .seq = "B"})), "stream_seq_out_of_order");
  EXPECT_EQ(code(say("s", {.media_type = {}, .bytes = "2", .seq = "a"})), "stream_seq_out_of_order");
  EXPECT_EQ(code(say("s", {.media_type = {}, .bytes = "2", .seq = "a0"})), "");
  EXPECT_EQ(code(say("s", {.media_type = {}, .bytes = "3", .seq = "a-"})), "stream_seq_out_of_order");
}

TEST_P(StreamContract, TakesNothingMoreOnceItIsClosed) {
  begin();
  ASSERT_TRUE(put(new_stream("s")));
  EXPECT_TRUE(say("s", "last", "p", 0, 0, true)->top.is_closed);
  EXPECT_TRUE(say("s", "other", "p", 0, 0, true)->duplicate);
  EXPECT_EQ(code(say("s", "x", "p", 0, 1)), "stream_closed");
  EXPECT_EQ(code(say("s", {.media_type = {}, .bytes = "x"})), "stream_closed");
  EXPECT_TRUE(say("s", {.media_type = {}, .close = true})->duplicate);
  EXPECT_EQ(log("s"), "last");
  NewStream closed = new_stream("t", "all");
  closed.closed = true;
  EXPECT_TRUE(put(closed)->top.is_closed);
  EXPECT_EQ(code(say("t", {.media_type = {}, .bytes = "x"})), "stream_closed");
}

TEST_P(StreamContract, ReadersHearOfItAsOfARun) {
  begin();
  ASSERT_TRUE(put(new_stream("s", "one ")));
  const auto reader = read("s");
  ASSERT_TRUE(reader->reading.run());
  EXPECT_TRUE(reader->reading.run()->record.rare->stream);
  ASSERT_TRUE(say("s", "two ", "p", 0, 0));
  ASSERT_TRUE(say("s", "three", "p", 0, 1, true));
  EXPECT_TRUE(until([&] { return reader->kinds() == "append end"; })) << reader->kinds();
  EXPECT_EQ(reader->text, "one two three");
  ASSERT_TRUE(remove_stream("s"));
  EXPECT_TRUE(until([&] { return reader->kinds() == "append end removed"; })) << reader->kinds();
  EXPECT_EQ(log("s"), "run_not_found");
}

TEST_P(StreamContract, GoesWhenNobodyUsesIt) {
  begin();
  NewStream asked = new_stream("s");
  asked.ttl = 1s;
  ASSERT_TRUE(put(asked));
  for (int i = 0; i < 3; ++i) {
    pass(700ms);
    ASSERT_TRUE(tail("s")) << "it was used less than a second ago";
    streams().touch_stream(tail("s")->record);
  }
  pass(500ms);
  EXPECT_TRUE(tail("s"));
  EXPECT_TRUE(until([&] { return !tail("s"); }));
  EXPECT_EQ(code(say("s", {.media_type = {}, .bytes = "x"})), "stream_not_found");
  // Another one may have its name, and nothing of it.
  ASSERT_TRUE(put(new_stream("s", "new")));
  EXPECT_EQ(log("s"), "new");
}

TEST_P(StreamContract, ReadersOfOneHearNothingOfTheNext) {
  begin();
  NewStream asked = new_stream("s", "old ");
  asked.ttl = 1s;
  ASSERT_TRUE(put(asked));
  const auto reader = read("s");
  ASSERT_TRUE(reader->reading.run());
  ASSERT_TRUE(until([&] { return !tail("s"); }));
  ASSERT_TRUE(until([&] { return put(new_stream("s", "new ")).has_value(); }));
  ASSERT_TRUE(say("s", "one", "p", 0, 0, true));
  EXPECT_TRUE(until([&] { return reader->kinds() == "removed"; })) << reader->kinds();
  EXPECT_EQ(reader->text, "old ");
}

TEST_P(StreamContract, GoesAtItsTimeHoweverItIsUsed) {
  begin();
  NewStream asked = new_stream("s");
  asked.expires_at = store().now() + 1s;
  ASSERT_TRUE(put(asked));
  EXPECT_TRUE(put(asked)->existed);
  ASSERT_TRUE(say("s", "a", "p", 0, 0));
  streams().touch_stream(tail("s")->record);
  EXPECT_EQ(tail("s")->record.rare->stream->expires_at, *asked.expires_at);
  EXPECT_TRUE(until([&] { return !tail("s"); }, 3s));
}

TEST_P(StreamBoundsContract, CountsForItsRealmLikeARun) {
  limits_.open_runs_per_realm = 2;
  begin();
  ASSERT_TRUE(put(new_stream("a")));
  NewRun run = claimed_run("r");
  run.claim->realm = "shop";
  ASSERT_TRUE(create(run));
  EXPECT_EQ(code(put(new_stream("b"))), "resource_exhausted");
  EXPECT_TRUE(put(new_stream("a"))->existed) << "what is there costs nothing";
  NewStream theirs = new_stream("c");
  theirs.realm = "other";
  EXPECT_TRUE(put(theirs));
  ASSERT_TRUE(say("a", {.media_type = {}, .close = true}));
  EXPECT_TRUE(until([&] { return put(new_stream("b")).has_value(); })) << "one is closed";
}

TEST_P(StreamBoundsContract, CountsOnceHoweverManyMakeIt) {
  limits_.open_runs_per_realm = 1;
  begin();
  std::vector<StreamResult<StreamMade>> made;
  for (int i = 0; i < 2; ++i)
    streams().put_stream(new_stream("a"), [&made](StreamResult<StreamMade> one) { made.push_back(one); });
  ASSERT_TRUE(until([&] { return made.size() == 2; }));
  ASSERT_TRUE(made[0] && made[1]);
  EXPECT_NE(made[0]->existed, made[1]->existed);
  EXPECT_EQ(code(put(new_stream("b"))), "resource_exhausted");
}

TEST_P(StreamContract, CountsForNobodyElse) {
  limits_.open_runs_per_realm = limits_.open_runs_per_user = 1;
  begin();
  for (const char* id : {"a", "b", "c"}) {
    NewStream of_no_realm = new_stream(id);
    of_no_realm.realm.clear();
    EXPECT_TRUE(put(of_no_realm)) << id;
  }
}

TEST_P(StreamBoundsContract, GivesItsPlaceBackWhenItGoes) {
  limits_.open_runs_per_realm = 1;
  begin();
  NewStream asked = new_stream("a");
  asked.ttl = 1s;
  ASSERT_TRUE(put(asked));
  EXPECT_EQ(code(put(new_stream("b"))), "resource_exhausted");
  EXPECT_TRUE(until([&] { return put(new_stream("b")).has_value(); })) << "its time is over";
  ASSERT_TRUE(remove_stream("b"));
  EXPECT_TRUE(until([&] { return put(new_stream("c")).has_value(); })) << "it was removed";
}

TEST_P(StreamBoundsContract, HasBoundsOfBytes) {
  limits_.run_bytes = 100;
  limits_.realm_bytes = 150;
  limits_.store_bytes = 1000;
  begin();
  EXPECT_EQ(code(put(new_stream("a", std::string(101, 'x')))), "stream_too_large");
  ASSERT_TRUE(put(new_stream("a", std::string(90, 'x'))));
  EXPECT_EQ(code(say("a", std::string(11, 'y'), "p", 0, 0)), "stream_too_large");
  ASSERT_TRUE(put(new_stream("b")));
  EXPECT_EQ(code(say("b", std::string(80, 'y'), "p", 0, 0)), "resource_exhausted");
  ASSERT_TRUE(say("a", {.media_type = {}, .close = true}));
  EXPECT_TRUE(until([&] { return say("b", std::string(80, 'y'), "p", 0, 0).has_value(); }))
      << "what is closed makes room";
  EXPECT_TRUE(until([&] { return tail("a")->is_expired; }));
}

TEST_P(StreamBoundsContract, StaysClosedWhoeverLooks) {
  limits_.open_runs_per_realm = 1;
  limits_.run_bytes = 100;
  limits_.realm_bytes = 150;
  begin();
  NewStream asked = new_stream("a", std::string(90, 'x'));
  asked.ttl = 1s;
  asked.closed = true;
  ASSERT_TRUE(put(asked));
  // It is looked at meanwhile, and used, so that it stays.
  for (int i = 0; i < 8; ++i) {
    pass(250ms);
    ASSERT_TRUE(tail("a"));
    streams().touch_stream(tail("a")->record);
  }
  ASSERT_TRUE(put(new_stream("b"))) << "the other is closed";
  EXPECT_TRUE(say("b", std::string(80, 'y'), "p", 0, 0)) << "what is closed makes room";
  EXPECT_TRUE(until([&] { return !tail("a") || tail("a")->is_expired; }));
}

TEST_P(StreamContract, IsWrittenSoFast) {
  limits_.appends_per_second = 1;
  limits_.appends_burst = 2;
  begin();
  ASSERT_TRUE(put(new_stream("s")));
  ASSERT_TRUE(say("s", "a", "p", 0, 0));
  ASSERT_TRUE(say("s", "b", "p", 0, 1));
  const auto refused = say("s", "c", "p", 0, 2);
  EXPECT_EQ(code(refused), "rate_limited");
  EXPECT_GT(refused.error().retry_after, 0ms);
  EXPECT_TRUE(say("s", "b", "p", 0, 1)->duplicate) << "what is stored costs nothing";
  EXPECT_TRUE(until([&] { return say("s", "c", "p", 0, 2).has_value(); }));
}

}  // namespace
}  // namespace gw
