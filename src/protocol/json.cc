#include "protocol/json.h"

#include <bitset>
#include <stdexcept>
#include <vector>

#include "base/assert.h"
#include "protocol/json_string.h"
#include "protocol/utf8.h"

namespace gw::json {
namespace {

// Which brackets are open: one bit a level. Text below kDepthMax is still read to its end, since whether it
// is JSON at all is the first question; those levels alone cost memory, one bit each.
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

// Every scan_* stands at the first byte of its production and ends after its last, or fails with error_ set.
class Scanner {
 public:
  Scanner(std::string_view text, Utf8 utf8)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), check_utf8_(utf8 == Utf8::check) {}

  ParseResult<Value> whole_value() {
    skip_space();
    const char* const first = at_;
    if (!scan_value()) return error_;
    const Value value = value_since(first);
    if (!finish()) return error_;
    return value;
  }

  ParseResult<Object> whole_object() {
    ParseResult<Object> result{boost::system::in_place_value};
    skip_space();
    const size_t start = offset();
    if (peek() != '{') {
      if (scan_value() && finish()) error_ = {ParseError::Reason::not_object, start, "an object"};
      return error_;
    }
    if (!scan_members(*result) || !finish()) return error_;
    return result;
  }

  // [ value , ... ]
  bool scan_elements(Array& elements) {
    open_bracket(false);
    if (close_bracket(']')) return true;
    for (;;) {
      const char* const first = at_;
      if (!scan_value()) return false;
      elements.push_back(value_since(first));
      skip_space();
      if (close_bracket(']')) return true;
      if (!separator("',' or ']'")) return false;
    }
  }

  // { key : value , ... }
  bool scan_members(Object& object) {
    open_bracket(true);
    if (close_bracket('}')) return true;
    for (;;) {
      const char* const key = at_ + 1;
      if (!scan_key()) return false;
      const std::string_view raw_key(key, static_cast<size_t>(key_end_ - key));
      const bool escaped = escape_seen_;
      const char* const first = at_;
      if (!scan_value()) return false;
      object.members_.push_back(Member(raw_key, escaped, value_since(first)));
      skip_space();
      if (close_bracket('}')) return true;
      if (!separator("',' or '}'")) return false;
    }
  }

 private:
  size_t offset() const { return static_cast<size_t>(at_ - begin_); }
  // NUL stands for the end of the text: neither fits anywhere.
  char peek() const { return at_ == end_ ? '\0' : *at_; }
  bool has(ptrdiff_t bytes) const { return end_ - at_ >= bytes; }

  Value value_since(const char* first) const {
    return Value(std::string_view(first, static_cast<size_t>(at_ - first)), kind_of(*first));
  }

  bool fail(const char* expected) {
    error_ = {ParseError::Reason::not_json, offset(), expected};
    return false;
  }

  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  // Nothing but space may follow; only now is it certain that the text is JSON.
  bool finish() {
    skip_space();
    if (at_ != end_) return fail("the end of the text");
    if (too_deep_) error_ = {ParseError::Reason::too_deep, *too_deep_, "at most 512 levels"};
    return !too_deep_;
  }

  void open_bracket(bool is_object) {
    if (nesting_.depth() == kDepthMax && !too_deep_) too_deep_ = offset();
    nesting_.push(is_object);
    ++at_;
    skip_space();
  }

  bool close_bracket(char bracket) {
    if (peek() != bracket) return false;
    ++at_;
    nesting_.pop();
    return true;
  }

  bool separator(const char* expected) {
    if (peek() != ',') return fail(expected);
    ++at_;
    skip_space();
    return true;
  }

  // Any value with all that is in it, without recursion.
  bool scan_value() {
    const size_t outside = nesting_.depth();
    for (;;) {
      if (!enter_value()) return false;
      if (inside_) continue;
      for (;;) {  // a value has ended
        if (nesting_.depth() == outside) return true;
        skip_space();
        const bool in_object = nesting_.in_object();
        if (close_bracket(in_object ? '}' : ']')) continue;
        if (!separator(in_object ? "',' or '}'" : "',' or ']'")) return false;
        if (in_object && !scan_key()) return false;
        break;
      }
    }
  }

  // A scalar or an empty container whole; of another container only up to where its first value begins,
  // with inside_ set.
  bool enter_value() {
    inside_ = false;
    switch (peek()) {
      case '{':
        open_bracket(true);
        inside_ = !close_bracket('}');
        return !inside_ || scan_key();
      case '[':
        open_bracket(false);
        inside_ = !close_bracket(']');
        return true;
      case '"': return scan_string();
      case 't': return scan_literal("true");
      case 'f': return scan_literal("false");
      case 'n': return scan_literal("null");
      default: return scan_number();
    }
  }

  // "key" : up to where the value begins.
  bool scan_key() {
    if (peek() != '"') return fail("a key in quotes");
    if (!scan_string()) return false;
    key_end_ = at_ - 1;
    skip_space();
    if (peek() != ':') return fail("':'");
    ++at_;
    skip_space();
    return true;
  }

  bool scan_literal(std::string_view word) {
    if (!std::string_view(at_, static_cast<size_t>(end_ - at_)).starts_with(word)) return fail("a value");
    at_ += word.size();
    return true;
  }

  bool scan_number() {
    const bool negative = peek() == '-';
    if (negative) ++at_;
    if (!is_digit(peek())) return fail(negative ? "a digit" : "a value");
    if (peek() == '0') {
      ++at_;
    } else {
      skip_digits();
    }
    if (peek() == '.') {
      ++at_;
      if (!is_digit(peek())) return fail("a digit");
      skip_digits();
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!is_digit(peek())) return fail("a digit");
      skip_digits();
    }
    return true;
  }

  void skip_digits() {
    while (is_digit(peek())) ++at_;
  }

  bool scan_string() {
    escape_seen_ = false;
    ++at_;
    for (;;) {
      at_ = find_special(at_, end_, check_utf8_);
      const unsigned char c = static_cast<unsigned char>(peek());
      if (c == '"') break;
      if (c == '\\') {
        escape_seen_ = true;
        if (!scan_escape()) return false;
      } else if (c >= 0x80) {
        const size_t size = protocol::utf8_character_size({at_, static_cast<size_t>(end_ - at_)});
        if (size == 0) return fail("valid UTF-8");
        at_ += size;
      } else {
        return fail(at_ == end_ ? "the end of a string" : "an escape for a control character");
      }
    }
    ++at_;
    return true;
  }

  bool scan_escape() {
    if (!has(2)) return fail("an escape");
    switch (at_[1]) {
      case '"':
      case '\\':
      case '/':
      case 'b':
      case 'f':
      case 'n':
      case 'r':
      case 't': at_ += 2; return true;
      case 'u': return scan_unicode_escape();
      default: return fail("an escape");
    }
  }

  // A surrogate counts only as the first half of a pair (RFC 8259 section 8.2: anything else is nobody's
  // text).
  bool scan_unicode_escape() {
    const int32_t unit = escaped_unit();
    if (unit < 0) return fail("four hexadecimal digits");
    if (is_low_surrogate(unit)) return fail("a high surrogate first");
    if (is_high_surrogate(unit)) {
      at_ += 6;
      if (!is_low_surrogate(escaped_unit())) return fail("a low surrogate");
    }
    at_ += 6;
    return true;
  }

  // The XXXX of a \uXXXX that stands here; -1 when none does.
  int32_t escaped_unit() const { return has(6) && at_[0] == '\\' && at_[1] == 'u' ? hex4(at_ + 2) : -1; }

  const char* const begin_;
  const char* at_;
  const char* const end_;
  const bool check_utf8_;
  bool inside_ = false;            // enter_value left off inside a container
  bool escape_seen_ = false;       // in the last string
  const char* key_end_ = nullptr;  // of the last key, before its quote
  std::optional<size_t> too_deep_;
  Nesting nesting_;
  ParseError error_;
};

ParseResult<Value> parse(std::string_view text, Utf8 utf8) { return Scanner(text, utf8).whole_value(); }

ParseResult<Object> parse_object(std::string_view text, Utf8 utf8) {
  return Scanner(text, utf8).whole_object();
}

Object members(const Value& value) {
  ASSERT(value.is_object());
  Object object;
  ASSERT(Scanner(value.raw(), Utf8::trusted).scan_members(object));
  return object;
}

Array elements(const Value& value) {
  ASSERT(value.is_array());
  Array array;
  ASSERT(Scanner(value.raw(), Utf8::trusted).scan_elements(array));
  return array;
}

std::string ParseError::message() const {
  return "expected " + std::string(expected) + " at byte " + std::to_string(offset);
}

void throw_exception_from_error(const ParseError& error, const boost::source_location&) {
  throw std::logic_error(error.message());
}

}  // namespace gw::json
