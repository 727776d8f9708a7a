#include "sim/redis/answer_reader.h"

#include <hiredis/hiredis.h>

#include <stdexcept>

namespace gw::sim {
namespace {

Answer to_answer(const redisReply& reply) {
  switch (reply.type) {
    case REDIS_REPLY_INTEGER: return static_cast<int64_t>(reply.integer);
    case REDIS_REPLY_STRING: return std::string(reply.str, reply.len);
    case REDIS_REPLY_STATUS: return Answer::status(std::string(reply.str, reply.len));
    case REDIS_REPLY_ERROR: return Answer::error(std::string(reply.str, reply.len));
    case REDIS_REPLY_ARRAY: {
      Answers items;
      for (size_t i = 0; i < reply.elements; ++i) items.push_back(to_answer(*reply.element[i]));
      return items;
    }
    default: return {};
  }
}

}  // namespace

struct AnswerReader::Impl {
  redisReader* const reader = redisReaderCreate();
};

AnswerReader::AnswerReader() : impl_(std::make_unique<Impl>()) {}
AnswerReader::~AnswerReader() { redisReaderFree(impl_->reader); }
void AnswerReader::feed(std::string_view bytes) {
  redisReaderFeed(impl_->reader, bytes.data(), bytes.size());
}

std::optional<Answer> AnswerReader::next() {
  void* found = nullptr;
  if (redisReaderGetReply(impl_->reader, &found) != REDIS_OK) throw std::runtime_error("not RESP2");
  if (!found) return std::nullopt;
  auto* const reply = static_cast<redisReply*>(found);
  Answer answer = to_answer(*reply);
  freeReplyObject(reply);
  return answer;
}

}  // namespace gw::sim
