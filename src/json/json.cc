#include "json/json.h"

#include <bitset>
#include <stdexcept>
#include <vector>

#include "base/assert.h"
#include "base/utf8.h"
#include "json/json_string.h"
#include "json/json_wrapped.h"

namespace gw::json {
namespace {

// Which brackets are open: one bit a level. Text that is too deep is still read to its end, since whether it
// is JSON at all is the first question; levels below kDepthMax alone cost memory, one bit each.
class Nesting {
 public:
  size_t depth() const { return depth_; }

  void push(bool is_object) {
    if (depth_ < kDepthMax) {
      shallow_.set(depth_, is_object);
    } else {
      deep_.push_back(is_object);
    }
    ++depth_;
  }
  void pop() {
    if (depth_ > kDepthMax) deep_.pop_back();
    --depth_;
  }
  bool in_object() const { return depth_ > kDepthMax ? deep_.back() : shallow_.test(depth_ - 1); }

 private:
  size_t depth_ = 0;
  std::bitset<kDepthMax> shallow_;
  std::vector<bool> deep_;
};

Kind kind_of(char first) {
  switch (first) {
    case '{': return Kind::object;
    case '[': return Kind::array;
    case '"': return Kind::string;
    case 't':
    case 'f': return Kind::boolean;
    case 'n': return Kind::null;
    default: return Kind::number;
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

// Every scan_* takes where its production begins and returns where it ends, or null with error_ set: the
// position stays in a register, which is most of the speed.
class Scanner {
 public:
  Scanner(std::string_view text, Utf8 utf8, size_t depth_max = kDepthMax)
      : begin_(text.data()),
        end_(begin_ + text.size()),
        check_utf8_(utf8 == Utf8::check),
        depth_max_(depth_max) {}

  ParseResult<Value> whole_value() {
    const char* const first = skip_space(begin_);
    const char* const last = scan_value(first);
    if (last == nullptr || !finish(last)) return error_;
    return value(first, last);
  }

  ParseResult<Object> whole_object() {
    ParseResult<Object> result{boost::system::in_place_value};
    const char* const first = skip_space(begin_);
    const bool is_object = look(first) == '{';
    const char* const last = is_object ? scan_members(first, *result) : scan_value(first);
    if (last == nullptr || !finish(last)) return error_;
    if (!is_object) return ParseError{ParseError::Reason::not_object, offset(first), "an object"};
    return result;
  }

  // The same for slices that have been validated as parts of a whole.
  Object known_object() {
    Object object;
    ASSERT(scan_members(begin_, object) == end_);
    return object;
  }
  Array known_array() {
    Array array;
    ASSERT(scan_elements(begin_, array) == end_);
    return array;
  }

 private:
  size_t offset(const char* at) const { return static_cast<size_t>(at - begin_); }
  // NUL stands for the end of the text: neither fits anywhere.
  char look(const char* at) const { return at == end_ ? '\0' : *at; }
  std::string_view rest(const char* at) const { return {at, static_cast<size_t>(end_ - at)}; }

  Value value(const char* first, const char* last) const {
    return Value({first, static_cast<size_t>(last - first)}, kind_of(*first), escape_seen_);
  }

  std::nullptr_t fail(const char* at, const char* expected) {
    error_ = {ParseError::Reason::not_json, offset(at), expected};
    return nullptr;
  }

  const char* skip_space(const char* at) const {
    while (at != end_ && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
    return at;
  }

  // Nothing but space may follow; only now is it certain that the text is JSON.
  bool finish(const char* at) {
    at = skip_space(at);
    if (at != end_) {
      fail(at, "the end of the text");
      return false;
    }
    if (too_deep_) error_ = {ParseError::Reason::too_deep, *too_deep_, "fewer levels"};
    return !too_deep_;
  }

  const char* open_bracket(const char* at, bool is_object) {
    if (nesting_.depth() == depth_max_ && !too_deep_) too_deep_ = offset(at);
    nesting_.push(is_object);
    return skip_space(at + 1);
  }

  const char* close_bracket(const char* at) {
    nesting_.pop();
    return at + 1;
  }

  // { key : value , ... }
  const char* scan_members(const char* at, Object& object) {
    at = open_bracket(at, true);
    if (look(at) == '}') return close_bracket(at);
    for (;;) {
      const char* const key = at + 1;
      const char* const first = scan_key(at);
      if (first == nullptr) return nullptr;
      const std::string_view raw_key(key, static_cast<size_t>(string_end_ - key));
      const bool key_escaped = escape_seen_;
      const char* const last = scan_value(first);
      if (last == nullptr) return nullptr;
      object.members_.push_back(Member(raw_key, key_escaped, value(first, last)));
      at = skip_space(last);
      if (look(at) == '}') return close_bracket(at);
      if (look(at) != ',') return fail(at, "',' or '}'");
      at = skip_space(at + 1);
    }
  }

  // [ value , ... ]
  const char* scan_elements(const char* at, Array& elements) {
    at = open_bracket(at, false);
    if (look(at) == ']') return close_bracket(at);
    for (;;) {
      const char* const last = scan_value(at);
      if (last == nullptr) return nullptr;
      elements.push_back(value(at, last));
      at = skip_space(last);
      if (look(at) == ']') return close_bracket(at);
      if (look(at) != ',') return fail(at, "',' or ']'");
      at = skip_space(at + 1);
    }
  }

  // Any value with all that is in it, without recursion.
  const char* scan_value(const char* at) {
    const size_t outside = nesting_.depth();
    for (;;) {
      const char c = look(at);
      if (c == '{') {
        at = open_bracket(at, true);
        if (look(at) != '}') {
          at = scan_key(at);
          if (at == nullptr) return nullptr;
          continue;
        }
        at = close_bracket(at);
      } else if (c == '[') {
        at = open_bracket(at, false);
        if (look(at) != ']') continue;
        at = close_bracket(at);
      } else {
        at = scan_scalar(at);
        if (at == nullptr) return nullptr;
      }
      // A value has ended, and perhaps what it is in.
      for (;;) {
        if (nesting_.depth() == outside) return at;
        at = skip_space(at);
        const bool in_object = nesting_.in_object();
        if (look(at) == (in_object ? '}' : ']')) {
          at = close_bracket(at);
          continue;
        }
        at = next_value(at, in_object);
        if (at == nullptr) return nullptr;
        break;
      }
    }
  }

  // The comma, and in an object the key, before another value.
  const char* next_value(const char* at, bool in_object) {
    if (look(at) != ',') return fail(at, in_object ? "',' or '}'" : "',' or ']'");
    at = skip_space(at + 1);
    return in_object ? scan_key(at) : at;
  }

  // "key" : up to where the value begins.
  const char* scan_key(const char* at) {
    if (look(at) != '"') return fail(at, "a key in quotes");
    at = scan_string(at);
    if (at == nullptr) return nullptr;
    string_end_ = at - 1;
    at = skip_space(at);
    if (look(at) != ':') return fail(at, "':'");
    return skip_space(at + 1);
  }

  const char* scan_scalar(const char* at) {
    switch (look(at)) {
      case '"': return scan_string(at);
      case 't': return scan_literal(at, "true");
      case 'f': return scan_literal(at, "false");
      case 'n': return scan_literal(at, "null");
      default: return scan_number(at);
    }
  }

  const char* scan_literal(const char* at, std::string_view word) {
    if (!rest(at).starts_with(word)) return fail(at, "a value");
    return at + word.size();
  }

  const char* scan_number(const char* at) {
    const bool negative = look(at) == '-';
    if (negative) ++at;
    if (!is_digit(look(at))) return fail(at, negative ? "a digit" : "a value");
    at = look(at) == '0' ? at + 1 : skip_digits(at);
    if (look(at) == '.') {
      if (!is_digit(look(++at))) return fail(at, "a digit");
      at = skip_digits(at);
    }
    if (look(at) == 'e' || look(at) == 'E') {
      ++at;
      if (look(at) == '+' || look(at) == '-') ++at;
      if (!is_digit(look(at))) return fail(at, "a digit");
      at = skip_digits(at);
    }
    return at;
  }

  const char* skip_digits(const char* at) const {
    while (is_digit(look(at))) ++at;
    return at;
  }

  const char* scan_string(const char* at) {
    escape_seen_ = false;
    at = find_special(at + 1, end_, check_utf8_);
    return look(at) == '"' ? at + 1 : scan_odd_string(at);
  }

  // From the first character that is not plain. Apart, so that the plain strings stay short.
  const char* scan_odd_string(const char* at) {
    for (;; at = find_special(at, end_, check_utf8_)) {
      const unsigned char c = static_cast<unsigned char>(look(at));
      if (c == '"') return at + 1;
      if (c == '\\') {
        escape_seen_ = true;
        at = scan_escape(at);
        if (at == nullptr) return nullptr;
      } else if (c >= 0x80) {
        const size_t size = utf8_character_size(rest(at));
        if (size == 0) return fail(at, "valid UTF-8");
        at += size;
      } else {
        return fail(at, at == end_ ? "the end of a string" : "an escape for a control character");
      }
    }
  }

  const char* scan_escape(const char* at) {
    switch (at + 1 == end_ ? '\0' : at[1]) {
      case '"':
      case '\\':
      case '/':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't': return at + 2;
      case 'u': return scan_unicode_escape(at);
      default: return fail(at, "an escape");
    }
  }

  // A surrogate counts only as half of a pair (RFC 8259 section 8.2: alone it is nobody's text).
  const char* scan_unicode_escape(const char* at) {
    const int32_t unit = escaped_unit(at);
    if (unit < 0) return fail(at, "four hexadecimal digits");
    if (is_low_surrogate(unit)) return fail(at, "a high surrogate first");
    if (!is_high_surrogate(unit)) return at + 6;
    if (!is_low_surrogate(escaped_unit(at + 6))) return fail(at + 6, "a low surrogate");
    return at + 12;
  }

  // The XXXX of a \uXXXX that stands here; -1 when none does.
  int32_t escaped_unit(const char* at) const {
    return end_ - at >= 6 && at[0] == '\\' && at[1] == 'u' ? hex4(at + 2) : -1;
  }

  const char* const begin_;
  const char* const end_;
  const bool check_utf8_;
  const size_t depth_max_;
  bool escape_seen_ = false;          // in the last string
  const char* string_end_ = nullptr;  // of the last key: its closing quote
  std::optional<size_t> too_deep_;
  Nesting nesting_;
  ParseError error_;
};

ParseResult<Value> parse(std::string_view text, Utf8 utf8) { return Scanner(text, utf8).whole_value(); }

ParseResult<Object> parse_object(std::string_view text, Utf8 utf8) {
  return Scanner(text, utf8).whole_object();
}

ParseResult<Object> parse_wrapped(std::string_view text) {
  return Scanner(text, Utf8::check, kWrappedDepthMax).whole_object();
}

Object members(const Value& value) {
  ASSERT(value.is_object());
  return Scanner(value.raw(), Utf8::trusted).known_object();
}

Array elements(const Value& value) {
  ASSERT(value.is_array());
  return Scanner(value.raw(), Utf8::trusted).known_array();
}

std::string ParseError::message() const {
  return "expected " + std::string(expected) + " at byte " + std::to_string(offset);
}

void throw_exception_from_error(const ParseError& error, const boost::source_location&) {
  throw std::logic_error(error.message());
}

}  // namespace gw::json
