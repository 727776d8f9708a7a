// The answer to one of our own requests, from its bytes as they come. Pure.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace gw::http {

class ClientParser {
 public:
  static constexpr size_t kHeadBytesMax = 16 * 1024;

  explicit ClientParser(size_t body_bytes_max);
  ~ClientParser();

  // True once the answer is complete; what follows is ignored. protocol_error, or too_large: no more can be
  // put.
  Result<bool> put(std::string_view bytes);
  // The connection has ended. Never false: an answer without a length is complete by it, any other is
  // unavailable.
  Result<bool> put_end();

  // Of a complete answer.
  int status() const;
  std::string take_body();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gw::http
