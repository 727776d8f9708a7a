// What a slice stands for, for those who ask.
#include <charconv>

#include "base/utf8.h"
#include "json/json.h"
#include "json/json_string.h"

namespace gw::json {
namespace {

std::string_view without_quotes(std::string_view raw) { return raw.substr(1, raw.size() - 2); }

char unescaped(char escape) {
  switch (escape) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return escape;  // quote, backslash, slash
  }
}

}  // namespace

void append_unescaped(std::string& out, std::string_view escaped) {
  while (!escaped.empty()) {
    const size_t plain = std::min(escaped.find('\\'), escaped.size());
    out.append(escaped.substr(0, plain));
    escaped.remove_prefix(plain);
    if (escaped.empty()) return;
    if (escaped[1] != 'u') {
      out.push_back(unescaped(escaped[1]));
      escaped.remove_prefix(2);
      continue;
    }
    int32_t code_point = hex4(escaped.data() + 2);
    escaped.remove_prefix(6);
    if (is_high_surrogate(code_point)) {
      code_point = 0x10000 + ((code_point - 0xd800) << 10) + (hex4(escaped.data() + 2) - 0xdc00);
      escaped.remove_prefix(6);
    }
    append_utf8(out, static_cast<uint32_t>(code_point));
  }
}

std::string Member::key() const {
  std::string key;
  append_unescaped(key, raw_key_);
  return key;
}

const Value* Object::find(std::string_view name) const {
  for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
    if (member->key_is(name)) return &member->value();
  }
  return nullptr;
}

std::optional<std::string> as_string(const Value& value) {
  if (!value.is_string()) return std::nullopt;
  std::string text;
  append_unescaped(text, without_quotes(value.raw()));
  return text;
}

std::optional<std::string_view> as_plain_string(const Value& value) {
  if (!value.is_string() || value.is_escaped_string()) return std::nullopt;
  return without_quotes(value.raw());
}

std::optional<int64_t> as_int64(const Value& value) {
  if (!value.is_number()) return std::nullopt;
  const std::string_view digits = value.raw();
  const char* const end = digits.data() + digits.size();
  int64_t number = 0;
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::optional<bool> as_bool(const Value& value) {
  if (!value.is_boolean()) return std::nullopt;
  return value.raw() == "true";
}

const char* to_string(Kind kind) {
  switch (kind) {
    case Kind::object: return "an object";
    case Kind::array: return "a list";
    case Kind::string: return "a string";
    case Kind::number: return "a number";
    case Kind::boolean: return "true or false";
    case Kind::null: return "null";
  }
  return "unknown";
}

}  // namespace gw::json
