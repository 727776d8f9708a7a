// The whole answer to one of our own requests, from its bytes as they come. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http/answer_parser.h"

namespace gw::http {

class ClientParser {
 public:
  explicit ClientParser(size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  // True once the answer is complete; what follows is ignored. protocol_error, or too_large: no more can be
  // put.
  Result<bool> put(std::string_view bytes);
  // The connection has ended. Never false: an answer without a length is complete by it, any other is
  // unavailable.
  Result<bool> put_end();

  // Of a complete answer.
  int status() const { return answer_.head()->status; }
  std::string take_body() { return std::move(body_); }

 private:
  const size_t body_bytes_max_;
  AnswerParser answer_;
  std::string body_;
};

}  // namespace gw::http
