// The target of a request: path and query (RFC 3986 sections 3.3, 3.4). Tokens and names travel here, so
// '+' stands for itself and never for a space (that is HTML form encoding, which nobody here uses).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace gw::http {

inline constexpr size_t kQueryParametersMax = 64;

struct Target {
  std::string_view path;   // as written, still encoded: split it at '/' before decoding a segment
  std::string_view query;  // after the first '?'; empty when there is none
};
// Origin form only (it begins with '/'); a fragment has no place in a request. Otherwise invalid_argument.
Result<Target> split_target(std::string_view target);

// Fails on an incomplete or non-hexadecimal escape, on NUL and other control characters, encoded or not,
// and on what does not decode to UTF-8. The error never holds the text.
Result<std::string> percent_decode(std::string_view text);

class Query {
 public:
  // "a=1&b&c=": a name without '=' has the empty value. More than kQueryParametersMax are refused.
  static Result<Query> parse(std::string_view query);

  // The first occurrence wins. Empty optional when there is none.
  std::optional<std::string_view> get(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

}  // namespace gw::http
