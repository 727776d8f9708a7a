#include "core/attach_queue.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

AttachRequest request_for(const std::string& run_id) {
  AttachRequest request;
  request.run_id = run_id;
  return request;
}

class AttachQueueTest : public testing::Test {
 protected:
  // The runs whose turn it is, and the number of the last.
  std::string sent() {
    std::string out;
    queue_.send(1, [&](uint64_t number, const AttachRequest& request) {
      out += request.run_id;
      last_ = number;
    });
    return out;
  }

  AttachQueue queue_;
  uint64_t last_ = 0;
};

TEST_F(AttachQueueTest, SendsAFewAtOnceInOrder) {
  for (const char* id : {"a", "b", "c", "d", "e", "f"}) queue_.add(1, request_for(id));
  EXPECT_EQ(sent(), "abcd");
  const uint64_t d = last_;
  EXPECT_EQ(sent(), "");
  EXPECT_EQ(queue_.answered(1, d)->request.run_id, "d");
  EXPECT_EQ(sent(), "e");
  EXPECT_EQ(queue_.count(1), 5u);
  EXPECT_FALSE(queue_.answered(1, d)) << "once";
}

TEST_F(AttachQueueTest, OneWhoseAnswerFoundNoRoomIsSentAgain) {
  queue_.add(1, request_for("a"));
  EXPECT_EQ(sent(), "a");
  EXPECT_TRUE(queue_.defer(1, last_));
  EXPECT_EQ(sent(), "a");
}

TEST_F(AttachQueueTest, ADetachWaitsForTheAttachBeforeIt) {
  EXPECT_FALSE(queue_.detach_later(1, "a", "7"));
  queue_.add(1, request_for("a"));
  EXPECT_TRUE(queue_.detach_later(1, "a", "7"));
  EXPECT_FALSE(queue_.detach_later(1, "b", "8"));
  EXPECT_EQ(sent(), "a");
  EXPECT_EQ(queue_.answered(1, last_)->detaches, std::vector<std::string>{"7"});
}

TEST_F(AttachQueueTest, OfManyDetachesTheLastAreKept) {
  queue_.add(1, request_for("a"));
  for (size_t i = 0; i < 3 * AttachQueue::kDetachesMax; ++i)
    EXPECT_TRUE(queue_.detach_later(1, "a", std::to_string(i)));
  EXPECT_EQ(sent(), "a");
  const auto answered = queue_.answered(1, last_);
  ASSERT_EQ(answered->detaches.size(), AttachQueue::kDetachesMax);
  EXPECT_EQ(answered->detaches.front(), std::to_string(2 * AttachQueue::kDetachesMax));
  EXPECT_EQ(answered->detaches.back(), std::to_string(3 * AttachQueue::kDetachesMax - 1));
}

TEST_F(AttachQueueTest, AQuestionsRunIsNotSentFromHere) {
  const uint64_t number = queue_.reserve(1, "run_1");
  EXPECT_EQ(sent(), "");
  EXPECT_EQ(queue_.count(1), 1u);
  EXPECT_TRUE(queue_.has(1, "run_1"));
  EXPECT_FALSE(queue_.has(1, "run_2"));
  EXPECT_FALSE(queue_.defer(1, number)) << "its ack is sent in any case";
  EXPECT_TRUE(queue_.answered(1, number));
  EXPECT_EQ(queue_.count(1), 0u);
}

TEST_F(AttachQueueTest, AThreadWaitsForTheQuestionBeforeIt) {
  queue_.add(1, request_for("before"));
  const uint64_t number = queue_.reserve(1, "run_1");
  queue_.add(1, request_for("named"));
  AttachRequest thread;
  thread.thread_id = "c1";
  queue_.add(1, thread);
  EXPECT_EQ(sent(), "beforenamed");
  EXPECT_TRUE(queue_.answered(1, number));
  EXPECT_EQ(sent(), "");
  EXPECT_TRUE(queue_.answered(1, last_)) << "the thread's has been sent";
}

TEST_F(AttachQueueTest, NothingIsLeftOfAClientThatGoes) {
  queue_.add(1, request_for("a"));
  EXPECT_EQ(sent(), "a");
  queue_.forget(1);
  EXPECT_FALSE(queue_.answered(1, last_));
}

}  // namespace
}  // namespace gw
