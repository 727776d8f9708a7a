#include "net/http/query.h"

#include <algorithm>

#include "base/percent.h"
#include "base/utf8.h"

namespace gw::http {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

Error bad_target(std::string detail) { return {Errc::invalid_argument, std::move(detail)}; }

// Splits off what stands before `delimiter`; all of `text` when there is none.
std::string_view take_until(std::string_view& text, char delimiter) {
  const size_t at = text.find(delimiter);
  const std::string_view head = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return head;
}

}  // namespace

Result<Target> split_target(std::string_view target) {
  const bool unfit =
      std::any_of(target.begin(), target.end(), [](char c) { return is_control(c) || c == ' ' || c == '#'; });
  if (!target.starts_with('/') || unfit) return bad_target("the request target is not a path with a query");
  const std::string_view path = take_until(target, '?');
  return Target{path, target};
}

Result<std::string> percent_decode(std::string_view text) {
  std::optional<std::string> out = gw::percent_decode(text);
  if (!out) return bad_target("a percent escape needs two hexadecimal digits");
  if (std::any_of(out->begin(), out->end(), is_control))
    return bad_target("control characters are not allowed in a target");
  if (!is_valid_utf8(*out)) return bad_target("percent escapes must stand for UTF-8");
  return *std::move(out);
}

Result<Query> Query::parse(std::string_view query) {
  Query parsed;
  while (!query.empty()) {
    std::string_view value = take_until(query, '&');
    if (value.empty()) continue;
    if (parsed.parameters_.size() == kQueryParametersMax) return bad_target("too many query parameters");
    auto name = percent_decode(take_until(value, '='));
    if (!name) return name.error();
    auto decoded = percent_decode(value);
    if (!decoded) return decoded.error();
    parsed.parameters_.emplace_back(std::move(*name), std::move(*decoded));
  }
  return parsed;
}

std::optional<std::string_view> Query::get(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return value;
  }
  return std::nullopt;
}

}  // namespace gw::http
