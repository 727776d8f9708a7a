// The reader accepts what Boost.JSON accepts, and what it yields lies inside the text and reads back.
#include <boost/json/src.hpp>
#include <cstdint>

#include "base/assert.h"
#include "base/utf8.h"
#include "json/json.h"

namespace {

using namespace gw;

bool lies_inside(std::string_view part, std::string_view whole) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

// Another opinion on the same grammar. Empty where it has a limit that we have not.
std::optional<bool> other_reader_accepts(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = text.size() + 1;
  boost::json::error_code error;
  boost::json::parse(text, error, {}, options);
  if (error == boost::json::error::exponent_overflow) return std::nullopt;
  return !error;
}

void check_string(const json::Value& value) {
  const std::string text = *json::as_string(value);
  ASSERT(is_valid_utf8(text));
  std::string quoted;
  json::append_quoted(quoted, text);
  ASSERT(json::as_string(*json::parse(quoted)) == text);
  ASSERT(value.is_escaped_string() || json::as_plain_string(value) == text);
}

// The value alone is what it was within its text; depth is bounded by kDepthMax.
void check_value(const json::Value& value, std::string_view text) {
  ASSERT(lies_inside(value.raw(), text));
  const auto alone = json::parse(value.raw());
  ASSERT(alone && alone->raw() == value.raw() && alone->kind() == value.kind());
  if (value.is_string()) check_string(value);
  if (value.is_array()) {
    for (const json::Value& element : json::elements(value)) check_value(element, value.raw());
  }
  if (value.is_object()) {
    for (const json::Member& member : json::members(value)) {
      ASSERT(lies_inside(member.raw_key(), value.raw()));
      check_value(member.value(), value.raw());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using Reason = json::ParseError::Reason;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto value = json::parse(text);
  const auto object = json::parse_object(text);
  const auto other = other_reader_accepts(text);
  if (!value) {
    ASSERT(value.error().offset <= size && !object);
    ASSERT(!other || *other == (value.error().reason == Reason::too_deep));
    return 0;
  }
  ASSERT(!other || *other);
  ASSERT(json::parse(text, json::Utf8::trusted)->raw() == value->raw());
  ASSERT(object.has_value() == value->is_object());
  ASSERT(object || object.error().reason == Reason::not_object);
  const std::string longer = text + "!";
  ASSERT(!json::parse(longer));
  // Quadratic in the depth, so only where that is cheap.
  if (size <= 4096) check_value(*value, text);
  return 0;
}
