#include "gateway/uplinks.h"

#include <gtest/gtest.h>

#include "ws/frame.h"

namespace gw {
namespace {

using Kind = PostVerdict::Kind;
const ConnectionId kId = ConnectionId::make();
const ConnectionHandle kHandle{1, 2, 3};

class UplinksTest : public ::testing::Test {
 protected:
  void SetUp() override { token_ = *SendToken::parse(uplinks_.open(kId, kHandle)); }

  void post(uint64_t number, std::string body = "{}", bool is_list = false) {
    uplinks_.take({token_, number, is_list, std::move(body)},
                  [this](const Result<PostVerdict>& verdict) { verdicts_.push_back(*verdict); });
  }
  void shard_says(Kind kind) { uplinks_.on_taken({kId, kind}); }
  Kind last() const { return verdicts_.back().kind; }

  bool is_full_ = false;
  std::vector<command::Post> posted_;
  Uplinks uplinks_{"gw-1", [this](command::Post command, size_t) {
                     if (!is_full_) posted_.push_back(std::move(command));
                     return !is_full_;
                   }};
  SendToken token_;
  std::vector<PostVerdict> verdicts_;
};

TEST_F(UplinksTest, ABodyIsTheFrameThatItWouldBe) {
  EXPECT_EQ(token_.instance, "gw-1");
  post(1, "{\n}");
  ASSERT_EQ(posted_.size(), 1u);
  EXPECT_EQ(posted_[0].handle, kHandle);
  std::string frame;
  ws::append_masked_frame(frame, ws::Opcode::text, "{\n}", {});
  EXPECT_EQ(posted_[0].frames, frame);
  EXPECT_TRUE(verdicts_.empty());
  shard_says(Kind::taken);
  EXPECT_EQ(last(), Kind::taken);
  EXPECT_EQ(verdicts_.back().next, 2u);
}

TEST_F(UplinksTest, AListIsAFrameALine) {
  post(1, "\na\r\n\r\nb\n\n", true);
  std::string frames;
  ws::append_masked_frame(frames, ws::Opcode::text, "a", {});
  ws::append_masked_frame(frames, ws::Opcode::text, "b", {});
  EXPECT_EQ(posted_.at(0).frames, frames);
}

TEST_F(UplinksTest, EachIsTakenOnceAndInOrder) {
  post(2);
  EXPECT_EQ(last(), Kind::out_of_order);
  EXPECT_EQ(verdicts_.back().next, 1u);
  post(1);
  post(1);  // again, while it is on its way
  EXPECT_EQ(posted_.size(), 1u);
  shard_says(Kind::taken);
  EXPECT_EQ(verdicts_.size(), 3u);
  post(1);
  EXPECT_EQ(last(), Kind::taken);
  EXPECT_EQ(posted_.size(), 1u);
  post(2);
  EXPECT_EQ(posted_.size(), 2u);
}

TEST_F(UplinksTest, WhatWasNotTakenMayComeAgain) {
  post(1);
  shard_says(Kind::over_rate);
  EXPECT_EQ(last(), Kind::over_rate);
  EXPECT_EQ(verdicts_.back().next, 1u);
  post(1);
  EXPECT_EQ(posted_.size(), 2u);
}

TEST_F(UplinksTest, AShardThatIsBehindTakesNothing) {
  is_full_ = true;
  post(1);
  EXPECT_EQ(last(), Kind::behind);
  is_full_ = false;
  post(1);
  EXPECT_EQ(posted_.size(), 1u);
}

TEST_F(UplinksTest, NobodyElseCanPost) {
  const SendToken mine = token_;
  token_.secret.back() = token_.secret.back() == '0' ? '1' : '0';
  post(1);
  EXPECT_EQ(last(), Kind::unknown);
  token_ = SendToken::make(ConnectionId::make(), "gw-1");
  post(1);
  EXPECT_EQ(last(), Kind::unknown);
  token_ = mine;
  uplinks_.close(kId);
  post(1);
  EXPECT_EQ(last(), Kind::unknown);
  EXPECT_TRUE(posted_.empty());
}

TEST_F(UplinksTest, WhoWaitsWhenItClosesIsTold) {
  post(1);
  uplinks_.close(kId);
  EXPECT_EQ(last(), Kind::unknown);
  shard_says(Kind::taken);
  EXPECT_EQ(verdicts_.size(), 1u);
}

TEST_F(UplinksTest, FewWaitForOneAnswer) {
  for (int i = 0; i < 9; ++i) post(1);
  ASSERT_EQ(verdicts_.size(), 1u);
  EXPECT_EQ(last(), Kind::behind);
  shard_says(Kind::taken);
  EXPECT_EQ(verdicts_.size(), 9u);
}

}  // namespace
}  // namespace gw
