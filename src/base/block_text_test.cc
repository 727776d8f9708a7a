#include "base/block_text.h"

#include <gtest/gtest.h>

#include <random>

#include "base/lazy.h"
#include "base/lean_text.h"
#include "base/lean_time.h"

namespace gw {
namespace {

std::string some(std::mt19937& random, size_t size) {
  std::string out(size, '\0');
  for (char& c : out) c = random() % 40 == 0 ? '\n' : static_cast<char>('a' + random() % 26);
  return out;
}

void expect_same(const BlockText& text, const std::string& model, std::mt19937& random) {
  ASSERT_EQ(text.size(), model.size());
  ASSERT_EQ(text.copy(0, text.size()), model);
  for (int i = 0; i < 10 && !model.empty(); ++i) {
    size_t from = random() % (model.size() + 1), to = random() % (model.size() + 1);
    if (from > to) std::swap(from, to);
    const std::string part = model.substr(from, to - from);
    std::string room;
    ASSERT_EQ(text.view(from, to, room), part);
    ASSERT_TRUE(text.has(from, part));
    ASSERT_FALSE(text.has(from, part + "~"));
    if (!part.empty()) {
      ASSERT_FALSE(text.has(from, part.substr(1) + "~"));
    }
    if (from < model.size()) {
      ASSERT_EQ(text[from], model[from]);
    }
    const size_t next = model.find('\n', from), last = part.rfind('\n');
    ASSERT_EQ(text.find('\n', from), next == model.npos ? model.size() : next);
    ASSERT_EQ(text.find_last('\n', from, to), last == part.npos ? model.size() : from + last);
  }
}

TEST(BlockText, IsWhatWasAppendedAndNotCut) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    BlockText text;
    std::string model;
    for (int step = 0; step < 60; ++step) {
      if (random() % 5 == 0) {
        model.resize(random() % 3 == 0 ? model.size() / 256 * 256 : random() % (model.size() + 1));
        text.cut(model.size());
      } else {
        const std::string more = some(random, random() % 4 == 0 ? 256 - model.size() % 256 : random() % 900);
        model += more;
        text.append(more);
      }
      ASSERT_NO_FATAL_FAILURE(expect_same(text, model, random));
    }
    const BlockText copied = text;
    const BlockText moved = std::move(text);
    EXPECT_EQ(text.size(), 0u);  // NOLINT(bugprone-use-after-move)
    text.append("anew");
    ASSERT_NO_FATAL_FAILURE(expect_same(copied, model, random));
    ASSERT_NO_FATAL_FAILURE(expect_same(moved, model, random));
    EXPECT_EQ(text.copy(0, 4), "anew");
  }
}

TEST(BlockText, KeepsANumberForEachPart) {
  BlockText text(std::string(3 * BlockText::kPartBytes, 'x'));
  for (uint64_t part = 0; part < 3; ++part) text.set_note(part * BlockText::kPartBytes, part + 7);
  const BlockText copied = text;
  EXPECT_EQ(copied.note(2 * BlockText::kPartBytes + 5), 9u);
  text.cut(BlockText::kPartBytes);
  text.append("y");
  EXPECT_EQ(text.note(0), 7u);
  EXPECT_EQ(text.note(BlockText::kPartBytes), 0u);
}

TEST(Blocks, GoBackWithTheirSlabs) {
  constexpr size_t kOfSlab = (size_t{1} << 20) / blocks::kBytes;
  std::vector<uint32_t> taken;
  for (size_t i = 0; i < 5 * kOfSlab; ++i) taken.push_back(blocks::take());
  EXPECT_GE(blocks::slabs(), 5u);
  for (size_t i = 0; i < taken.size(); ++i) *blocks::at(taken[i]) = static_cast<char>(i);
  for (size_t i = 0; i < taken.size(); ++i) ASSERT_EQ(*blocks::at(taken[i]), static_cast<char>(i));
  for (const uint32_t block : taken) blocks::give(block);
  EXPECT_LE(blocks::slabs(), 2u);
  const size_t left = blocks::slabs();
  blocks::give(blocks::take());
  EXPECT_EQ(blocks::slabs(), left) << "one block more takes no slab along";
}

TEST(LeanTime, IsATimeOrNoneInTheRoomOfATime) {
  EXPECT_EQ(sizeof(LeanTime), sizeof(WallTime));
  LeanTime time;
  EXPECT_FALSE(time);
  EXPECT_EQ(std::optional<WallTime>(time), std::nullopt);
  time = WallTime(5ms);
  ASSERT_TRUE(time);
  EXPECT_EQ(*time, WallTime(5ms));
  EXPECT_EQ(std::optional<WallTime>(time), WallTime(5ms));
  time = std::optional<WallTime>();
  EXPECT_EQ(time, LeanTime());
  time = WallTime();
  EXPECT_TRUE(time);
  time.reset();
  EXPECT_FALSE(time);
}

TEST(LeanText, IsATextOfAPointer) {
  EXPECT_EQ(sizeof(LeanText), sizeof(void*));
  LeanText text;
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text, "");
  text = "Once é";
  EXPECT_EQ(text, std::string("Once é"));
  EXPECT_EQ(text.size(), 7u);
  const LeanText copied = text;
  text = LeanText();
  EXPECT_EQ(copied.view(), "Once é");
  EXPECT_FALSE(copied == text);
}

TEST(Lazy, IsMadeWhenItIsWrittenTo) {
  struct Part {
    std::string text;
    int number = 3;
  };
  Lazy<Part> part;
  EXPECT_EQ(part->number, 3);
  part.set(&Part::text, "");
  EXPECT_FALSE(part);
  part.set(&Part::text, "a");
  EXPECT_TRUE(part);
  const Lazy<Part> copied = part;
  part.make().text = "b";
  EXPECT_EQ(copied->text, "a");
  EXPECT_EQ(part->text, "b");
}

}  // namespace
}  // namespace gw
