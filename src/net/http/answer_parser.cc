#include "net/http/answer_parser.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/http_field.h"
#include "net/http/head.h"

namespace gw::http {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr int kAnnouncedMax = 8;

Error no_answer(std::string_view what) {
  return {Errc::protocol_error, "not an HTTP answer: " + std::string(what)};
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "HTTP/1.1 200 OK"; the reason may be missing with its blank.
std::optional<int> parse_status(std::string_view line) {
  const bool is_ours = line.starts_with("HTTP/1.1 ") || line.starts_with("HTTP/1.0 ");
  if (!is_ours || line.size() < 12 || (line.size() > 12 && line[12] != ' ')) return std::nullopt;
  const auto status = parse_number<int>(line.substr(9, 3));
  return status && *status >= 100 ? status : std::nullopt;
}

Result<AnswerHead> parse_head_of(std::string_view text) {
  AnswerHead head;
  size_t end = text.find(kLineEnd);
  const std::optional<int> status = parse_status(text.substr(0, end));
  if (!status) return no_answer("its first line");
  head.status = *status;
  while (end != std::string_view::npos) {
    text.remove_prefix(end + kLineEnd.size());
    end = text.find(kLineEnd);
    const std::string_view line = text.substr(0, end);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0 || line.front() == ' ' || line.front() == '\t')
      return no_answer("a header field");
    if (head.fields.size() == kFieldsMax) return Error{Errc::too_large, "the answer has too many fields"};
    head.fields.emplace_back(line.substr(0, colon), trim_blanks(line.substr(colon + 1)));
  }
  return head;
}

size_t count(const AnswerHead& head, std::string_view name) {
  return static_cast<size_t>(std::count_if(head.fields.begin(), head.fields.end(), [&](const auto& field) {
    return equal_ignoring_case(field.first, name);
  }));
}

}  // namespace

std::string_view AnswerHead::field(std::string_view name) const {
  for (const auto& [other, value] : fields)
    if (equal_ignoring_case(other, name)) return value;
  return {};
}

Result<void> AnswerParser::put(std::string_view bytes) {
  if (is_complete_) return {};
  if (body_ != Body::unknown) return put_body(bytes);
  head_bytes_.append(bytes);
  while (body_ == Body::unknown) {
    const size_t before = head_bytes_.size();
    if (const Result<void> put = put_head(); !put) return put;
    if (head_bytes_.size() == before) break;
  }
  if (body_ == Body::unknown) {
    if (head_bytes_.size() <= kHeadBytesMax) return {};
    return Error{Errc::too_large, "the answer's head is too large"};
  }
  const std::string rest = std::exchange(head_bytes_, {});
  return put_body(rest);
}

// Takes one head off head_bytes_, if it is there.
Result<void> AnswerParser::put_head() {
  if (!std::string_view("HTTP/1.").starts_with(std::string_view(head_bytes_).substr(0, 7)))
    return no_answer("its first line");
  const size_t end = head_bytes_.find("\r\n\r\n");
  if (end == std::string::npos || end > kHeadBytesMax) return {};
  Result<AnswerHead> head = parse_head_of(std::string_view(head_bytes_).substr(0, end));
  if (!head) return head.error();
  head_bytes_.erase(0, end + 4);
  if (head->status == 101) return no_answer("another protocol");
  if (head->status < 200)
    return ++announced_ <= kAnnouncedMax ? Result<void>() : no_answer("it is announced again and again");
  head_ = std::move(*head);
  const size_t lengths = count(head_, "Content-Length"), codings = count(head_, "Transfer-Encoding");
  if (lengths + codings > 1) return no_answer("the length of its body is given more than once");
  if (head_.status == 204 || head_.status == 304) {
    body_ = Body::none;
  } else if (codings == 1) {
    if (!equal_ignoring_case(head_.field("Transfer-Encoding"), "chunked"))
      return no_answer("its transfer coding");
    body_ = Body::chunked;
  } else if (lengths == 1) {
    head_.length = parse_number<uint64_t>(head_.field("Content-Length"));
    if (!head_.length) return no_answer("its Content-Length");
    remaining_ = *head_.length;
    body_ = Body::length;
  } else {
    body_ = Body::rest;
  }
  is_complete_ = body_ == Body::none || (body_ == Body::length && remaining_ == 0);
  return {};
}

Result<void> AnswerParser::put_body(std::string_view bytes) {
  if (is_complete_) return {};
  if (body_ == Body::rest) {
    pieces_.append(bytes);
  } else if (body_ == Body::length) {
    const std::string_view piece = bytes.substr(0, remaining_);
    pieces_.append(piece);
    remaining_ -= piece.size();
    is_complete_ = remaining_ == 0;
  } else {
    const auto step = chunks_.decode(bytes, pieces_, std::numeric_limits<size_t>::max());
    if (step.status == ChunkedDecoder::Status::bad || step.status == ChunkedDecoder::Status::too_large)
      return no_answer("a chunk of its body");
    is_complete_ = step.status == ChunkedDecoder::Status::done;
  }
  return {};
}

Result<void> AnswerParser::put_end() {
  if (body_ == Body::rest) is_complete_ = true;
  if (is_complete_) return {};
  return Error{Errc::unavailable, "the connection ended within an answer"};
}

}  // namespace gw::http
