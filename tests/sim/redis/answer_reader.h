// RESP2 bytes to answers.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "sim/redis/answer.h"

namespace gw::sim {

// Splits bytes into answers, whoever wrote them.
class AnswerReader {
 public:
  AnswerReader();
  ~AnswerReader();
  void feed(std::string_view bytes);
  std::optional<Answer> next();

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace gw::sim
