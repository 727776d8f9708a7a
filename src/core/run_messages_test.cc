#include "core/run_messages.h"

#include <gtest/gtest.h>

#include <random>

#include "core/run/run_machine.h"

namespace gw {
namespace {

const ChannelTable kChannels({"guide"});
constexpr WallTime kNow{std::chrono::milliseconds(1767323045678)};

// Of a string without escapes.
std::string text_member(const std::string& json, const std::string& name) {
  const std::string key = "\"" + name + "\":\"";
  const size_t at = json.find(key);
  if (at == std::string::npos) return "";
  const size_t begin = at + key.size();
  return json.substr(begin, json.find('"', begin) - begin);
}

// What a message says, and a client that believes it: it checks what it is told against what it has.
class Reader {
 public:
  explicit Reader(std::string text = "", uint32_t epoch = 0) : text_(std::move(text)), epoch_(epoch) {}

  void take(const RunTelling& telling) {
    for (const RunTold& told : telling.messages) take(told);
  }
  void take(const RunTold& told) {
    const auto text = [&](const std::string& name) { return text_member(told.json, name); };
    const auto number = [&](const std::string& name) {
      const size_t at = told.json.find("\"" + name + "\":");
      return at == std::string::npos ? uint64_t{0} : std::stoull(told.json.substr(at + name.size() + 3));
    };
    const std::string event = text("event");
    events_ += event + " ";
    if (event == "snapshot") {
      text_ = text("text");
      epoch_ = static_cast<uint32_t>(number("epoch"));
    } else if (event == "reset") {
      epoch_ = static_cast<uint32_t>(number("epoch"));
      ASSERT_LE(number("pos"), text_.size()) << told.json;
      text_.resize(number("pos"));
    } else if (event == "delta") {
      EXPECT_EQ(number("from"), text_.size()) << told.json;
      EXPECT_EQ(number("epoch"), epoch_) << told.json;
      text_ += text("text");
    }
    if (event != "top") {
      EXPECT_EQ(number("pos"), text_.size()) << told.json;
      EXPECT_EQ(text("hash"), RunHash::of(text_).text()) << told.json;
    }
    EXPECT_EQ(told.after, place()) << told.json;
    EXPECT_EQ(told.ends, event == "end");
  }

  std::string events() { return std::exchange(events_, ""); }
  const std::string& text() const { return text_; }
  RunCursor place() const { return {epoch_, text_.size(), RunHash::of(text_)}; }

 private:
  std::string text_;
  uint32_t epoch_;
  std::string events_;
};

class RunMessagesTest : public testing::Test {
 protected:
  RunMessagesTest() {
    run_.record.run_id = "run_1";
    run_.record.status = RunStatus::in_progress;
    run_.record.lease_until = kNow + 10s;
    begin_epoch(1, 0);
  }
  void begin_epoch(uint32_t epoch, uint64_t keep) {
    run_.log.begin_epoch(epoch, keep);
    run_.record.epoch = run_.record.claim_epoch = epoch;
  }
  RunTelling answer(const std::optional<RunCursor>& cursor, const RunAsked& asked = {}) {
    return messages_.answer(run_, cursor, asked, pieces_, now_);
  }
  std::string log() const { return std::string(run_.log.bytes()); }

  const RunMessages messages_{kChannels};
  RunMessages::Now now_{kNow, kNow};
  RunPieces pieces_;
  gw::Run run_;
};

TEST_F(RunMessagesTest, ACursorThatFitsGoesOnThere) {
  run_.log.append("Once upon a time");
  Reader reader("Once", 1);
  reader.take(answer(reader.place()));
  EXPECT_EQ(reader.events(), "delta ");
  EXPECT_EQ(reader.text(), log());
  reader.take(answer(reader.place()));
  EXPECT_EQ(reader.events(), "top ") << "nothing is missing";
}

TEST_F(RunMessagesTest, AnOlderEpochIsCutToWhatTheyShare) {
  run_.log.append("Once upon a");
  Reader before("Once upon a", 1), early("On", 1);
  begin_epoch(2, 4);
  run_.log.append(" more");
  for (Reader* reader : {&before, &early}) {
    reader->take(answer(reader->place()));
    EXPECT_EQ(reader->events(), "reset delta ");
    EXPECT_EQ(reader->text(), "Once more");
  }
}

TEST_F(RunMessagesTest, WhatDoesNotFitIsASnapshotAndNeverADelta) {
  run_.log.append("Once upon");
  const RunCursor wrong[] = {
      {1, 4, RunHash::of("Then")},  // another text
      {1, 30, RunHash::of("x")},    // beyond it
      {7, 4, RunHash::of("Once")},  // an epoch that there was not
      {0, 4, RunHash::of("Once")},  // nothing was written in that one
  };
  for (const RunCursor& cursor : wrong) {
    Reader reader;
    const RunTelling telling = answer(cursor);
    const std::string& first = telling.messages.front().json;
    EXPECT_EQ(first.find(R"("event":"delta")"), first.npos) << first;
    if (first.find("snapshot") == first.npos) continue;
    reader.take(telling);
    EXPECT_EQ(reader.text(), log());
  }
  EXPECT_NE(answer(wrong[0]).messages.front().json.find(R"("cause":"diverged")"), std::string::npos);
  EXPECT_NE(answer(wrong[1]).messages.front().json.find(R"("cause":"ahead")"), std::string::npos);
  EXPECT_NE(answer({}).messages.front().json.find(R"("cause":"attach")"), std::string::npos);
}

TEST_F(RunMessagesTest, TheFirstMessageRepeatsWhatWasAsked) {
  run_.log.append(std::string(40'000, 'x'));
  const RunTelling telling = answer({}, {R"("a")", "c1"});
  ASSERT_GT(telling.messages.size(), 1u);
  EXPECT_NE(telling.messages[0].json.find(R"("id":"a")"), std::string::npos);
  EXPECT_EQ(telling.messages[1].json.find(R"("id":)"), std::string::npos);
  const RunTelling top = answer(RunCursor{1, run_.log.size(), run_.log.hash()}, {"7", "c1"});
  EXPECT_NE(top.messages[0].json.find(R"("id":7,"thread_id":"c1")"), std::string::npos);
}

TEST_F(RunMessagesTest, PiecesAreBoundedAndSoIsATelling) {
  run_.log.append(std::string(200'000, 'x'));
  Reader reader;
  RunTelling telling = answer({});
  EXPECT_FALSE(telling.whole);
  reader.take(telling);
  EXPECT_EQ(reader.text().size(), pieces_.bytes);
  while (!telling.whole) {
    telling = messages_.catch_up(run_, reader.place(), pieces_, now_);
    for (const RunTold& told : telling.messages) EXPECT_LE(told.json.size(), pieces_.piece_bytes + 400);
    reader.take(telling);
  }
  EXPECT_EQ(reader.text(), log());
}

TEST_F(RunMessagesTest, NeverCutsACharacterOrALine) {
  pieces_.piece_bytes = 64;
  pieces_.line_bytes = 1000;
  for (int i = 0; i < 40; ++i) run_.log.append("é€😀");
  Reader text;
  text.take(answer({}));
  EXPECT_EQ(text.text(), log());

  run_ = gw::Run{run_.record, {}};
  begin_epoch(1, 0);
  run_.record.format = RunFormat::json;
  for (const size_t length : {5u, 30u, 30u, 500u, 3u})
    run_.log.append("\"" + std::string(length, 'x') + "\"\n");
  for (const RunTold& told : answer({}).messages) {
    EXPECT_NE(told.json.find("\\n\",\"timestamp\""), std::string::npos) << told.json;
  }
}

TEST_F(RunMessagesTest, WhenItIsOverTheEndIsLast) {
  run_.log.append("all");
  run_.record.status = RunStatus::failed;
  run_.record.rare.make().error = RunError{"agent_lost", "gone"};
  Reader fresh, there("all", 1);
  fresh.take(answer({}));
  EXPECT_EQ(fresh.events(), "snapshot end ");
  there.take(answer(there.place()));
  EXPECT_EQ(there.events(), "top end ");
  run_.log.expire();
  const RunTelling expired = answer({});
  ASSERT_EQ(expired.messages.size(), 1u);
  EXPECT_TRUE(expired.messages[0].ends);
}

TEST_F(RunMessagesTest, WhoAskedIsToldWhereItIsAndThenFromTheStart) {
  Reader reader("", 0);
  reader.take(messages_.begin(run_, pieces_, now_));
  EXPECT_EQ(reader.events(), "top reset ");  // an agent was faster
  EXPECT_EQ(reader.place().epoch, 1u);
  run_.log.append("fast");
  Reader late("", 0);
  late.take(messages_.begin(run_, pieces_, now_));
  EXPECT_EQ(late.events(), "top reset delta ");
  const RunTelling queued = messages_.begin(run::make({}, {}, kNow), pieces_, now_);
  ASSERT_EQ(queued.messages.size(), 1u);
  EXPECT_NE(queued.messages[0].json.find(R"("event":"top")"), std::string::npos);
}

TEST_F(RunMessagesTest, TopShowsWhetherItIsAliveByTheEnginesClock) {
  run_.record.last_byte_at = kNow;
  now_.engine = kNow + 840ms;
  EXPECT_NE(messages_.top(run_, now_).find(R"("owner":"live","idle_ms":840)"), std::string::npos);
  now_.engine = kNow + 11s;
  EXPECT_NE(messages_.top(run_, now_).find(R"("owner":"lost","idle_ms":11000)"), std::string::npos);
}

// Whatever happens to the log between two times that a reader hears of it, what it has is a prefix of an
// epoch's log at any moment, and the whole log in the end.
TEST_F(RunMessagesTest, AReaderThatComesAndGoesHasAPrefixAtAnyMoment) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint64_t n) { return n == 0 ? 0 : random() % n; };
    run_ = gw::Run{run_.record, {}};
    begin_epoch(1, 0);
    pieces_ = {64 + below(200), 4096, 64 + below(600)};
    Reader reader;
    bool attached = false;
    const auto hear = [&] {
      const RunTelling telling =
          attached ? messages_.catch_up(run_, reader.place(), pieces_, now_) : answer(reader.place());
      attached = below(3) > 0;
      size_t heard = below(telling.messages.size() + 1);
      for (const RunTold& told : telling.messages) {
        if (heard-- == 0) break;
        reader.take(told);
      }
    };
    for (int i = 0; i < 30; ++i) {
      const std::string word(1 + below(200), static_cast<char>('a' + below(26)));
      if (below(6) == 0) {
        begin_epoch(run_.record.epoch + 1, below(run_.log.size() + 1));
      } else {
        run_.log.append(word);
      }
      if (below(2) == 0) hear();
      ASSERT_FALSE(HasFailure()) << "seed " << seed;
    }
    for (RunTelling telling{{}, false}; !telling.whole;) {
      telling = messages_.catch_up(run_, reader.place(), pieces_, now_);
      reader.take(telling);
    }
    ASSERT_EQ(reader.text(), log()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace gw
