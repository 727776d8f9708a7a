// Everything that reads an HTTP request before it is one: the head, how its body is framed, chunks, and
// what it says of proxies.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "net/http/chunked.h"
#include "net/http/forwarded.h"
#include "net/http/head.h"

using namespace gw;

namespace {

constexpr size_t kBodyMax = 1000;

struct Decoded {
  http::ChunkedDecoder::Status status;
  size_t used = 0;
  std::string body;
};

Decoded decode(std::string_view text, size_t piece) {
  http::ChunkedDecoder decoder;
  Decoded result{http::ChunkedDecoder::Status::more, 0, {}};
  while (result.status == http::ChunkedDecoder::Status::more && result.used < text.size()) {
    const auto step = decoder.decode(text.substr(result.used, piece), result.body, kBodyMax);
    result.used += step.used;
    result.status = step.status;
  }
  return result;
}

// However the bytes are cut, they mean the same.
void check_chunked(std::string_view text) {
  const Decoded whole = decode(text, text.size());
  const Decoded bytewise = decode(text, 1);
  ASSERT(whole.body.size() <= kBodyMax);
  ASSERT(whole.status == bytewise.status);
  if (whole.status == http::ChunkedDecoder::Status::done) {
    ASSERT(whole.used == bytewise.used && whole.body == bytewise.body);
  }
}

bool is_inside(std::string_view part, std::string_view text) {
  return part.empty() ||
         (part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size());
}

void check_head(const http::RequestHead& head, std::string_view text) {
  ASSERT(head.bytes <= text.size() && head.bytes <= http::kHeadBytesMax + 2);
  ASSERT(head.fields.size() <= http::kFieldsMax);
  ASSERT(is_inside(head.method, text) && is_inside(head.target, text));
  for (const HttpField& field : head.fields) {
    ASSERT(is_inside(field.name, text) && is_inside(field.value, text));
    ASSERT(!field.name.empty());
    for (const char forbidden : {'\r', '\n', '\0'})
      ASSERT(field.value.find(forbidden) == std::string_view::npos);
  }
  // What follows the head does not change how it reads, and less of it is no head.
  ASSERT(std::holds_alternative<http::RequestHead>(http::parse_head(text.substr(0, head.bytes))));
  ASSERT(std::holds_alternative<http::HeadIncomplete>(http::parse_head(text.substr(0, head.bytes - 1))));

  // A shard decides by the first bytes whom the request is for, the server by all of them.
  const std::string_view target = http::origin_form(head.target).target;
  const bool for_ws =
      target == "/ws" || target == "/ws/" || target.starts_with("/ws?") || target.starts_with("/ws/?");
  for (size_t n = 0; n <= head.bytes; ++n) {
    const std::optional<bool> answer = http::is_request_for(text.substr(0, n), "/ws");
    ASSERT(answer ? *answer == for_ws : n < head.bytes);
  }

  const IpNetwork trusted[] = {*IpNetwork::parse("10.0.0.0/8")};
  const http::Requester requester = http::requester_of(*IpAddress::parse("10.0.0.1"), head.fields, trusted);
  ASSERT(requester.scheme == "http" || requester.scheme == "https");
  ASSERT(requester.host.find_first_of("\r\n\"<> /") == std::string_view::npos);

  const auto framed = http::body_framing(head);
  const auto* framing = std::get_if<http::BodyFraming>(&framed);
  if (framing && framing->kind == http::BodyFraming::Kind::chunked) check_chunked(text.substr(head.bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of its own, so that reading past the end is seen.
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const http::ParsedHead parsed = http::parse_head(bytes);
  if (const auto* head = std::get_if<http::RequestHead>(&parsed)) check_head(*head, bytes);
  check_chunked(bytes);
  return 0;
}
