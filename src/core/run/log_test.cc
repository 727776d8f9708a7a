#include "core/run/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace gw {
namespace {

using Kind = RunResume::Kind;

RunLog log_of(std::string_view bytes) {
  RunLog log;
  log.begin_epoch(1, 0);
  log.append(bytes);
  return log;
}

TEST(RunLog, ATailSaysAsMuchOfACursorAsTheLog) {
  const std::string text = "Once é upon a 😀 time";
  RunLog log = log_of(text);
  log.begin_epoch(2, 14);
  log.append("!");
  log.begin_epoch(3, 15);
  for (uint32_t epoch = 0; epoch <= 4; ++epoch) {
    for (uint64_t pos = 0; pos <= log.size() + 1; ++pos) {
      for (const bool lies : {false, true}) {
        const std::string had = lies ? std::string(pos, '?') : text.substr(0, pos);
        const RunCursor cursor{epoch, pos, RunHash::of(had)};
        const std::string tail = log.bytes().substr(std::min<uint64_t>(pos, log.size()));
        const RunResume known = log.resume(cursor),
                        told = resume_at_tail(log.bases(), log.size(), log.hash(), cursor, tail);
        EXPECT_EQ(told.kind, known.kind) << epoch << " " << pos << " " << lies;
        EXPECT_EQ(told.pos, known.pos) << epoch << " " << pos << " " << lies;
      }
    }
  }
}

TEST(RunLog, HoldsLittleMoreThanItsBytes) {
  for (const size_t batch : {1u, 16u, 300u, 5000u}) {
    RunLog log;
    while (log.size() < 100'000) {
      log.append(std::string(batch, 'x'));
      EXPECT_LE(log.capacity(), log.size() + log.size() / 40 + 400) << log.size() << " by " << batch;
    }
  }
}

// As the log says it, of a plain string.
uint64_t piece_end(const std::string& text, uint64_t from, uint64_t to, bool lines) {
  if (to >= text.size()) return text.size();
  if (lines && to > from) {
    const size_t newline = text.rfind('\n', to - 1);
    if (newline != text.npos && newline >= from) return newline + 1;
  }
  uint64_t end = to;
  while (end > from && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return end > from ? end : to;
}

TEST(RunLog, SaysOfItsTextWhatAStringSays) {
  std::mt19937 random(11);
  const std::string pieces[] = {"a", "é", "😀", "word ", "{\"a\":1}\n", std::string(300, '-')};
  RunLog log;
  std::string model;
  uint32_t epoch = 0;
  for (int step = 0; step < 2000; ++step) {
    if (random() % 200 == 0) {
      model.resize(random() % (model.size() + 1));
      log.begin_epoch(++epoch, model.size());
    }
    const std::string& batch = pieces[random() % std::size(pieces)];
    model += batch;
    log.append(batch);
    uint64_t from = random() % (model.size() + 1), to = random() % (model.size() + 1);
    if (from > to) std::swap(from, to);
    std::string room;
    ASSERT_EQ(log.view(from, to, room), std::string_view(model).substr(from, to - from));
    ASSERT_EQ(log.bytes(from, to), model.substr(from, to - from));
    ASSERT_TRUE(log.has(from, model.substr(from, to - from)));
    ASSERT_EQ(log.ends_line(from), from > 0 && model[from - 1] == '\n');
    ASSERT_EQ(log.is_inside_character(from), from < model.size() && (model[from] & 0xc0) == 0x80);
    const size_t newline = model.find('\n', from);
    ASSERT_EQ(log.line_end(from), newline == model.npos ? std::nullopt : std::optional(newline + 1));
    ASSERT_EQ(log.count_lines(), static_cast<uint64_t>(std::count(model.begin(), model.end(), '\n')));
    for (const bool lines : {false, true})
      ASSERT_EQ(log.piece_end(from, to, lines), piece_end(model, from, to, lines)) << from << " " << to;
  }
}

TEST(RunLog, KnowsTheHashAtEveryPlace) {
  std::mt19937 random(4);
  RunLog log;
  std::string model;
  uint32_t epoch = 0;
  for (int step = 0; step < 300; ++step) {
    if (random() % 8 == 0 && !model.empty()) {
      model.resize(random() % 3 == 0 ? model.size() / RunLog::kMarkBytes * RunLog::kMarkBytes
                                     : random() % model.size());
      log.begin_epoch(++epoch, model.size());
    } else {
      const size_t rest = RunLog::kMarkBytes - model.size() % RunLog::kMarkBytes;
      const std::string batch(random() % 4 == 0 ? rest : random() % 3000, static_cast<char>('a' + step % 26));
      model += batch;
      log.append(batch);
    }
    ASSERT_EQ(log.bytes(), model);
    ASSERT_EQ(log.hash(), RunHash::of(model));
    for (int i = 0; i < 5; ++i) {
      const size_t pos = random() % (model.size() + 1);
      ASSERT_EQ(log.hash_at(pos), RunHash::of(model.substr(0, pos)));
    }
  }
}

TEST(RunLog, FindsTheCommonPrefixOverAllLaterEpochs) {
  RunLog log;
  log.begin_epoch(1, 0);
  log.append(std::string(100, 'a'));
  log.begin_epoch(2, 40);
  log.append(std::string(100, 'b'));
  log.begin_epoch(3, 90);
  log.begin_epoch(4, 20);
  log.begin_epoch(6, 20);  // one was missed
  EXPECT_EQ(log.epoch(), 6u);
  EXPECT_EQ(log.bases(), (std::vector<uint64_t>{0, 0, 40, 90, 20, 20, 20}));
  EXPECT_EQ(log.common_prefix(1, 100), 20u);
  EXPECT_EQ(log.common_prefix(1, 7), 7u);
  EXPECT_EQ(log.common_prefix(0, 7), 0u);
  EXPECT_EQ(log.common_prefix(6, 19), 19u);
  EXPECT_EQ(log.common_prefix(6, 500), 500u) << "its own epoch has cut nothing";
}

TEST(RunLog, SaysHowAReaderGoesOn) {
  RunLog log = log_of("Once upon a time");
  const auto at = [&](uint32_t epoch, uint64_t pos, std::string_view text) {
    return log.resume(RunCursor{epoch, pos, RunHash::of(text)});
  };
  const auto same = [](const RunResume& resume, Kind kind, uint64_t pos) {
    return resume.kind == kind && resume.pos == pos;
  };
  EXPECT_TRUE(same(log.resume({}), Kind::fresh, 0));
  EXPECT_TRUE(same(at(1, 0, ""), Kind::fits, 0));
  EXPECT_TRUE(same(at(1, 4, "Once"), Kind::fits, 4));
  EXPECT_TRUE(same(at(1, 16, "Once upon a time"), Kind::fits, 16));
  EXPECT_TRUE(same(at(1, 4, "once"), Kind::diverged, 0));
  EXPECT_TRUE(same(at(1, 17, "Once upon a time."), Kind::ahead, 0));
  EXPECT_TRUE(same(at(2, 4, "Once"), Kind::ahead, 0));
  EXPECT_TRUE(same(at(0, 0, ""), Kind::reset, 0));
  log.begin_epoch(2, 9);
  log.append(" an hour");
  EXPECT_TRUE(same(at(1, 4, "Once"), Kind::reset, 4));
  EXPECT_TRUE(same(at(1, 4, "once"), Kind::diverged, 0)) << "what was kept can be compared";
  EXPECT_TRUE(same(at(1, 16, "Once upon a time"), Kind::reset, 9));
  EXPECT_TRUE(same(at(1, 5000, "longer than it ever was"), Kind::reset, 9));
  EXPECT_TRUE(same(at(2, 17, "Once upon an hour"), Kind::fits, 17));
}

TEST(RunLog, NobodyGoesOnInsideACharacter) {
  const RunLog log = log_of("é");
  EXPECT_EQ(log.resume(RunCursor{1, 1, RunHash::of("\xc3")}).kind, Kind::diverged);
}

TEST(RunLog, GivesItsBytesBackAndKeepsItsPlace) {
  RunLog log = log_of("abc");
  log.expire();
  EXPECT_TRUE(log.is_expired());
  EXPECT_EQ(log.bytes(), "");
  EXPECT_EQ(log.size(), 3u);
  EXPECT_EQ(log.hash(), RunHash::of("abc"));
  EXPECT_EQ(log.resume(RunCursor{1, 3, RunHash::of("abc")}).kind, Kind::fits);
  EXPECT_EQ(log.resume(RunCursor{1, 2, RunHash::of("ab")}).kind, Kind::diverged);
  EXPECT_EQ(log.resume(RunCursor{1, 4, RunHash::of("abcd")}).kind, Kind::ahead);
}

TEST(RunLog, TakesWhatAnEngineReadAnew) {
  RunLog log = log_of("abc");
  log.expire();
  const std::string text(5000, 'x');
  log.assign(text, {0, 0, 12});
  EXPECT_FALSE(log.is_expired());
  EXPECT_EQ(log.epoch(), 2u);
  EXPECT_EQ(log.bytes(), text);
  EXPECT_EQ(log.hash_at(4100), RunHash::of(text.substr(0, 4100)));
}

TEST(RunLog, CutsPiecesBetweenCharacters) {
  const std::string text = "aé😀b";  // 1 + 2 + 4 + 1
  const RunLog log = log_of(text);
  const std::vector<uint64_t> ends{0, 1, 1, 3, 3, 3, 3, 7, 8, 8};
  for (uint64_t to = 0; to < ends.size(); ++to) EXPECT_EQ(log.piece_end(0, to, false), ends[to]) << to;
  EXPECT_EQ(log.piece_end(3, 5, false), 5u) << "no room for the character";
  EXPECT_EQ(log.piece_end(8, 8, false), 8u);
}

TEST(RunLog, CutsPiecesOfBytesThatAreNoText) {
  const RunLog log = log_of("ab" + std::string(20, '\x80'));
  EXPECT_EQ(log.piece_end(0, 12, false), 12u);
  EXPECT_EQ(log.piece_end(12, 20, false), 20u);
  EXPECT_EQ(log.piece_end(20, 22, false), 22u);
  for (const bool lines : {false, true}) {
    for (uint64_t from = 0; from < log.size(); ++from) {
      for (uint64_t to = from + 1; to <= log.size(); ++to) {
        EXPECT_GT(log.piece_end(from, to, lines), from) << to;
        EXPECT_LE(log.piece_end(from, to, lines), to) << from;
      }
    }
  }
}

TEST(RunLog, CutsPiecesOfWholeLinesWhereTheyFit) {
  const RunLog log = log_of("{}\n{\"a\":\"é\"}\n[]\n");
  EXPECT_EQ(log.piece_end(0, 2, true), 2u) << "the line does not fit";
  EXPECT_EQ(log.piece_end(0, 3, true), 3u);
  EXPECT_EQ(log.piece_end(0, 10, true), 3u);
  EXPECT_EQ(log.piece_end(3, 10, true), 9u) << "the line does not fit: still no half of a character";
  EXPECT_EQ(log.piece_end(3, 14, true), 14u);
  EXPECT_EQ(log.piece_end(3, 16, true), 14u);
  EXPECT_EQ(log.piece_end(3, 17, true), 17u);
  EXPECT_EQ(log.piece_end(3, 99, true), 17u);
}

}  // namespace
}  // namespace gw
