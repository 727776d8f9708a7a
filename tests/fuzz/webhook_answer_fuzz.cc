// What webhooks' servers answer, whole and in pieces; and the addresses where they are said to be.
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/utf8.h"
#include "net/http/answer_parser.h"
#include "post_office/webhooks/allowed_host.h"
#include "post_office/webhooks/answer_reader.h"

namespace {

// What came of it; `step` bytes at a time.
std::string outcome(std::string_view bytes, size_t step) {
  gw::http::AnswerParser parser;
  std::optional<gw::AnswerReader> reader;
  std::string text;
  const auto take = [&] {
    for (const std::string& piece : reader->take()) {
      ASSERT(gw::is_valid_utf8(piece));
      text += piece;
    }
  };
  while (!bytes.empty() && !parser.is_complete()) {
    const std::string_view piece = bytes.substr(0, step);
    bytes.remove_prefix(piece.size());
    if (!parser.put(piece)) return "refused";
    const std::string body = parser.take_body();
    if (!parser.head()) continue;
    if (!reader) reader.emplace(gw::answer_form(parser.head()->status, parser.head()->field("Content-Type")));
    if (!reader->put(body)) return "no answer";
    take();
  }
  if (!parser.put_end() || !reader || !reader->end(!parser.ends_with_connection())) return "cut";
  take();
  return text + "|" + reader->failure().value_or("");
}

void parse_places(std::string_view text) {
  if (const auto url = gw::CallbackUrl::parse(text)) {
    ASSERT(url->target.starts_with('/') && url->target.find_first_of(" \r\n") == std::string::npos);
    ASSERT(url->host_field.find_first_of(" \r\n/@") == std::string::npos);
  }
  if (const auto host = gw::AllowedHost::parse(text)) {
    const auto again = gw::AllowedHost::parse(host->text());
    ASSERT(again && *again == *host);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = outcome(bytes, bytes.size() + 1), pieces = outcome(bytes, 1);
  // In pieces more may have been taken before something is refused.
  ASSERT(whole == pieces || whole == "refused" || pieces == "refused" || whole == "no answer");
  parse_places(bytes);
  return 0;
}
