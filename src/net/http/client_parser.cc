#include "net/http/client_parser.h"

namespace gw::http {

Result<bool> ClientParser::put(std::string_view bytes) {
  if (const Result<void> put = answer_.put(bytes); !put) return put.error();
  body_.append(answer_.take_body());
  const AnswerHead* const head = answer_.head();
  const bool is_announced = head && head->length.value_or(0) > body_bytes_max_;
  if (is_announced || body_.size() > body_bytes_max_)
    return Error{Errc::too_large, "the answer is too large"};
  return answer_.is_complete();
}

Result<bool> ClientParser::put_end() {
  if (const Result<void> put = answer_.put_end(); !put) return put.error();
  return true;
}

}  // namespace gw::http
