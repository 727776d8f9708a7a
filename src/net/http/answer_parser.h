// The answer to one of our own requests, from its bytes as they come: its head, then its body in pieces.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "net/http/chunked.h"

namespace gw::http {

struct AnswerHead {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;  // in order
  // Of the body; absent: it is in chunks, or ends with the connection.
  std::optional<uint64_t> length;

  // The first of that name; empty: there is none.
  std::string_view field(std::string_view name) const;
};

class AnswerParser {
 public:
  static constexpr size_t kHeadBytesMax = 16 * 1024;

  // protocol_error, or too_large (the head): no more can be put. What follows a complete answer is ignored.
  Result<void> put(std::string_view bytes);
  // The connection has ended. unavailable: within the answer.
  Result<void> put_end();

  // Null: not all of it is there. Answers that only announce another one (1xx) are passed over.
  const AnswerHead* head() const { return body_ == Body::unknown ? nullptr : &head_; }
  // Of the body what has come since the last call.
  std::string take_body() { return std::exchange(pieces_, {}); }
  bool is_complete() const { return is_complete_; }
  // Nothing but the end of the connection says where it ends, so that one that was cut looks whole.
  bool ends_with_connection() const { return body_ == Body::rest; }

 private:
  enum class Body : uint8_t { unknown, none, length, chunked, rest };

  Result<void> put_head();
  Result<void> put_body(std::string_view bytes);

  AnswerHead head_;
  Body body_ = Body::unknown;
  std::string head_bytes_;  // until the head is whole
  std::string pieces_;
  uint64_t remaining_ = 0;  // of Body::length
  ChunkedDecoder chunks_;
  int announced_ = 0;
  bool is_complete_ = false;
};

}  // namespace gw::http
