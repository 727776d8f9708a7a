// The head of an HTTP/1.1 request (RFC 9112), read strictly and in one place for everything that is served:
// the WebSocket upgrade on the shards and the service API. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/http_field.h"

namespace gw::http {

inline constexpr size_t kHeadBytesMax = 16 * 1024;
inline constexpr size_t kFieldsMax = 100;

// Views into the bytes that were parsed.
struct RequestHead {
  std::string_view method;        // a token, case-sensitive
  std::string_view target;        // as sent: origin form, absolute form or "*"; visible ASCII only
  int version = 11;               // 10 or 11
  std::vector<HttpField> fields;  // in order, duplicates kept
  size_t bytes = 0;               // of the whole head, the empty line included: what follows is body
};

// What to answer before closing: nothing after such a head can be trusted to begin where it seems to.
struct HeadError {
  int status = 400;  // 400, 431 (too large, too many fields), 505
  const char* detail = "";
};

// All of the head is not there yet.
struct HeadIncomplete {};

using ParsedHead = std::variant<RequestHead, HeadIncomplete, HeadError>;

// Refused: line ends other than CRLF, folded fields (RFC 9112 5.2), white space before the colon (5.1),
// control characters, an invalid Host count for 1.1 (3.2), more than the limits above. An error that the
// bytes so far already show is reported at once.
ParsedHead parse_head(std::string_view bytes);

// The first field of that name, if any.
std::optional<std::string_view> find_field(std::span<const HttpField> fields, std::string_view name);
size_t count_fields(std::span<const HttpField> fields, std::string_view name);
// The token of exactly one "Authorization: Bearer <token>" (RFC 6750, 2.1); empty: none was shown in that
// form.
std::string_view bearer_token(std::span<const HttpField> fields);
// Whether a comma-separated list, over all fields of that name, has the token (RFC 9110 5.6.1).
bool list_has_token(std::span<const HttpField> fields, std::string_view name, std::string_view token);

// A request target in origin form, or the absolute form that proxies may send (RFC 9112 3.2.1, 3.2.2).
struct OriginForm {
  std::string_view target;     // path and query; empty: it was neither of the two
  std::string_view authority;  // of the absolute form; Host has to be the same
};
OriginForm origin_form(std::string_view target);
// What is wrong with the target and the Host beside it; null: nothing. RFC 9112 3.2.2 has the target win, but
// whoever stands before us may have gone by Host.
const char* target_fault(const RequestHead& head, const OriginForm& origin);

// Whether the request at the front of `bytes` is for `path`, with or without a slash at the end and a query;
// nullopt: too little is there to say. Shards and the server pass connections to each other by this answer
// alone. It reads the request line as parse_head does, and more bytes never change what it has said.
std::optional<bool> is_request_for(std::string_view bytes, std::string_view path);

// How the bytes after the head are framed (RFC 9112 6.3).
struct BodyFraming {
  enum class Kind { none, length, chunked };
  Kind kind = Kind::none;
  size_t length = 0;  // for Kind::length
};
// Both framings, a Content-Length that is repeated or no number, a Transfer-Encoding other than exactly
// "chunked": 400 or 501, and the connection must close.
std::variant<BodyFraming, HeadError> body_framing(const RequestHead& head);

}  // namespace gw::http
