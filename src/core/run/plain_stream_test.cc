#include <gtest/gtest.h>

#include "core/run/plain_stream_machine.h"
#include "core/run_store.h"

namespace gw {
namespace {

constexpr WallTime kT0{std::chrono::milliseconds(1'700'000'000'000)};

class PlainStreamTest : public testing::Test {
 protected:
  PlainStreamTest() { make(); }

  void make(Duration ttl = {}, std::optional<WallTime> expires_at = {}) {
    asked_.id = "s";
    asked_.content_type = "Text/Plain; charset=utf-8";
    asked_.ttl = ttl;
    asked_.expires_at = expires_at;
    run_ = plain_stream::make(asked_, limits_, kT0);
  }
  StreamResult<StreamAppended> say(StreamAppend append, WallTime now = kT0) {
    append.media_type = "text/plain";
    return plain_stream::append(run_, append, now, changes_);
  }
  StreamResult<StreamAppended> say(std::string bytes, std::string producer, uint64_t epoch, uint64_t seq) {
    return say(
        {.media_type = {}, .bytes = std::move(bytes), .batch = StreamBatch{std::move(producer), epoch, seq}});
  }
  StreamResult<StreamAppended> close(std::string bytes = {}, std::optional<StreamBatch> batch = {}) {
    return say(
        {.media_type = {}, .bytes = std::move(bytes), .close = true, .seq = {}, .batch = std::move(batch)});
  }
  static std::string code(const StreamResult<StreamAppended>& result) {
    return result ? result->duplicate ? "duplicate" : "appended"
                  : std::string(to_string(result.error().code));
  }
  std::string log() const { return run_.log.bytes(); }

  RunLimits limits_;
  NewStream asked_;
  gw::Run run_;
  run::Changes changes_;
};

TEST_F(PlainStreamTest, MediaTypesAreComparedWithoutCaseAndParameters) {
  EXPECT_EQ(media_type_of(" Application/JSON ; charset=utf-8"), "application/json");
  EXPECT_EQ(stream_kind_of("application/json"), StreamKind::json);
  EXPECT_EQ(stream_kind_of("TEXT/html"), StreamKind::text);
  EXPECT_EQ(stream_kind_of("image/png"), StreamKind::binary);
}

TEST_F(PlainStreamTest, TakesBytesOfAnybodyAndTellsReaders) {
  EXPECT_EQ(say({.media_type = {}, .bytes = "one"})->top, (StreamTop{3, RunHash::of("one"), false}));
  EXPECT_EQ(code(say("two", "a", 0, 0)), "appended");
  EXPECT_EQ(log(), "onetwo");
  ASSERT_EQ(changes_.size(), 2u);
  EXPECT_EQ(changes_[1], (RunChange{RunChange::Kind::append, 0, 3, "two"}));
}

TEST_F(PlainStreamTest, IsTheSameForWhoAsksForTheSame) {
  EXPECT_TRUE(plain_stream::is_same(run_, asked_));
  NewStream other = asked_;
  other.content_type = "text/plain";
  EXPECT_TRUE(plain_stream::is_same(run_, other));
  other.ttl = 1s;
  EXPECT_FALSE(plain_stream::is_same(run_, other));
  other = asked_;
  other.closed = true;
  EXPECT_FALSE(plain_stream::is_same(run_, other));
  other = asked_;
  other.expires_at = kT0 + 1h;
  EXPECT_FALSE(plain_stream::is_same(run_, other));
}

TEST_F(PlainStreamTest, KnowsABatchThatIsSaidAgain) {
  say("a", "p", 0, 0);
  say("b", "p", 0, 1);
  const auto again = say("a", "p", 0, 0);
  EXPECT_EQ(code(again), "duplicate");
  EXPECT_EQ(again->seq, 1u) << "the highest";
  EXPECT_EQ(code(say("c", "p", 0, 0)), "sequence_conflict");
  EXPECT_EQ(log(), "ab");
}

TEST_F(PlainStreamTest, CannotTellOfABatchOfLongAgo) {
  for (uint64_t seq = 0; seq <= StreamLimits::kBatches; ++seq) say("x", "p", 0, seq);
  EXPECT_EQ(code(say("x", "p", 0, 1)), "duplicate");
  EXPECT_EQ(code(say("x", "p", 0, 0)), "sequence_conflict");
}

TEST_F(PlainStreamTest, FencesOlderEpochsAndBeginsNewOnesAtZero) {
  say("a", "p", 1, 0);
  const auto old = say("z", "p", 0, 1);
  EXPECT_EQ(code(old), "fenced");
  EXPECT_EQ(old.error().epoch, 1u);
  EXPECT_EQ(code(say("b", "p", 2, 5)), "invalid_argument");
  EXPECT_EQ(code(say("b", "p", 2, 0)), "appended");
  EXPECT_EQ(code(say("a", "p", 1, 0)), "fenced");
}

TEST_F(PlainStreamTest, SaysWhatIsMissing) {
  const auto first = say("b", "p", 0, 1);
  EXPECT_EQ(code(first), "sequence_gap");
  EXPECT_EQ(first.error().expected_seq, 0u);
  say("a", "p", 0, 0);
  EXPECT_EQ(say("c", "p", 0, 2).error().expected_seq, 1u);
  EXPECT_EQ(log(), "a");
}

TEST_F(PlainStreamTest, OrdersStreamSeqByItsBytes) {
  EXPECT_EQ(code(say({.media_type = {}, .bytes = "a", .seq = "2"})), "appended");
  EXPECT_EQ(code(say({.media_type = {}, .bytes = "b", .seq = "10"})), "stream_seq_out_of_order");
  EXPECT_EQ(code(say({.media_type = {}, .bytes = "b", .seq = "2"})), "stream_seq_out_of_order");
  EXPECT_EQ(code(say({.media_type = {}, .bytes = "b", .seq = "a"})), "appended");
  EXPECT_EQ(code(say({.media_type = {}, .bytes = "c", .seq = "B"})), "stream_seq_out_of_order");
}

TEST_F(PlainStreamTest, TakesNothingMoreOnceItIsClosed) {
  say("a", "p", 0, 0);
  EXPECT_EQ(code(close("b", StreamBatch{"p", 0, 1})), "appended");
  EXPECT_EQ(changes_.back(), (RunChange{RunChange::Kind::end, 0, 1, "b"}));
  EXPECT_EQ(code(say("c", "p", 0, 2)), "stream_closed");
  EXPECT_EQ(code(say("a", "p", 0, 0)), "duplicate") << "whose answer was lost";
  EXPECT_EQ(code(close("other bytes", StreamBatch{"p", 0, 1})), "duplicate") << "as the protocol has it";
  EXPECT_EQ(code(close()), "duplicate");
  EXPECT_EQ(code(close("c")), "stream_closed");
  EXPECT_EQ(code(close({}, StreamBatch{"q", 0, 0})), "stream_closed");
  EXPECT_EQ(code(say("z", "p", 0, 0)), "sequence_conflict");
  EXPECT_EQ(log(), "ab");
}

TEST_F(PlainStreamTest, ForgetsWhoWasSilentForLongest) {
  for (size_t i = 0; i < StreamLimits::kProducers; ++i) say("x", "p" + std::to_string(i), 0, 0);
  say("y", "p0", 0, 1);
  say("x", "one more", 0, 0);
  EXPECT_EQ(run_.record.rare->stream->producers.size(), StreamLimits::kProducers);
  EXPECT_EQ(code(say("y", "p0", 0, 1)), "duplicate");
  EXPECT_EQ(code(say("y", "p1", 0, 1)), "sequence_gap") << "it is as one that never wrote";
}

TEST_F(PlainStreamTest, IsBounded) {
  limits_.run_bytes = 4;
  make();
  EXPECT_EQ(code(say({.media_type = {}, .bytes = "12345"})), "stream_too_large");
  EXPECT_EQ(code(say({.media_type = {}, .bytes = "1234"})), "appended");
  EXPECT_EQ(code(close("5")), "stream_too_large");
  EXPECT_EQ(code(close()), "appended");
}

TEST_F(PlainStreamTest, HasTheContentTypeThatItWasMadeWith) {
  EXPECT_EQ(
      code(plain_stream::append(run_, {.media_type = "application/json", .bytes = "{}\n"}, kT0, changes_)),
      "content_type");
  EXPECT_EQ(
      code(plain_stream::append(run_, {.media_type = "application/json", .close = true}, kT0, changes_)),
      "appended")
      << "who only closes sends no bytes";
}

TEST_F(PlainStreamTest, LivesOnWhileItIsUsed) {
  make(10s);
  EXPECT_EQ(plain_stream::due(run_.record), kT0 + 10s);
  say({.media_type = {}, .bytes = "a"}, kT0 + 5s);
  EXPECT_EQ(plain_stream::due(run_.record), kT0 + 15s);
  plain_stream::touch(run_, kT0 + 7s);
  EXPECT_EQ(plain_stream::due(run_.record), kT0 + 17s);
  make({}, kT0 + 10s);
  say({.media_type = {}, .bytes = "a"}, kT0 + 5s);
  plain_stream::touch(run_, kT0 + 7s);
  EXPECT_EQ(plain_stream::due(run_.record), kT0 + 10s);
  make();
  EXPECT_EQ(plain_stream::due(run_.record), kT0 + StreamLimits::kLife);
}

TEST_F(PlainStreamTest, AReaderGoesOnFromAnyPlace) {
  using Kind = RunResume::Kind;
  const std::string bytes = "a\xc3\xa4\x80", place = bytes.substr(0, 2);
  say({.media_type = {}, .bytes = bytes});
  const RunTop top{RunStatus::in_progress, 0, 4, RunHash::of(bytes)};
  const auto kind = [&](const RunCursor& cursor, std::string_view tail) {
    const RunResume at = plain_stream::resume(run_.log, cursor);
    EXPECT_EQ(at.kind, plain_stream::resume_at_tail(top, cursor, tail).kind);
    EXPECT_EQ(at.pos, at.kind == Kind::fits ? cursor.pos : 0);
    return at.kind;
  };
  EXPECT_EQ(kind({0, 2, RunHash::of(place)}, bytes.substr(2)), Kind::fits) << "within a character";
  EXPECT_EQ(kind({0, 4, RunHash::of(bytes)}, ""), Kind::fits);
  EXPECT_EQ(kind({0, 2, RunHash::of("zz")}, bytes.substr(2)), Kind::diverged);
  EXPECT_EQ(kind({0, 5, RunHash::of(bytes)}, ""), Kind::ahead);
  EXPECT_EQ(kind({1, 2, RunHash::of(place)}, bytes.substr(2)), Kind::ahead);
  EXPECT_EQ(plain_stream::resume(run_.log, {}).kind, Kind::fresh);
}

TEST_F(PlainStreamTest, IsNoRunForAnybody) {
  EXPECT_FALSE(reaches({}, run_.record));
  EXPECT_TRUE(reaches({.streams = true}, run_.record));
  RunViewer client;
  client.granted = ChannelSet::all();
  EXPECT_FALSE(run::may_see(run_.record, client));
  client.has_session = true;
  EXPECT_FALSE(run::may_see(run_.record, client));
}

}  // namespace
}  // namespace gw
