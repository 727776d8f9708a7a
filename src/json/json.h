// A strict RFC 8259 reader and a small writer. The reader validates the whole text in one pass and yields
// slices of it: nothing is converted that nobody asked for, so 1e400, duplicate keys and odd escapes pass
// through as they were written. Values point into the text, which must outlive them.
#pragma once

#include <boost/container/small_vector.hpp>
#include <boost/system/result.hpp>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace gw::json {

// Deeper than this is refused (RFC 8259 section 9 allows a limit), so that whoever reads it after us with a
// recursive parser survives. `[` is depth 1.
inline constexpr size_t kDepthMax = 512;

enum class Kind : uint8_t { object, array, string, number, boolean, null };

// "an object", "a string", ...: for error messages.
const char* to_string(Kind kind);

class Scanner;

// One valid JSON value: a slice of the text, without the space around it. Only the reader makes these.
class Value {
 public:
  std::string_view raw() const { return raw_; }
  Kind kind() const { return kind_; }
  bool is_object() const { return kind_ == Kind::object; }
  bool is_array() const { return kind_ == Kind::array; }
  bool is_string() const { return kind_ == Kind::string; }
  bool is_number() const { return kind_ == Kind::number; }
  bool is_boolean() const { return kind_ == Kind::boolean; }
  bool is_null() const { return kind_ == Kind::null; }
  // A string that says something else than what is written between its quotes.
  bool is_escaped_string() const { return is_string() && escaped_; }

 private:
  friend class Scanner;
  Value(std::string_view raw, Kind kind, bool escaped) : raw_(raw), kind_(kind), escaped_(escaped) {}

  std::string_view raw_;
  Kind kind_;
  bool escaped_;  // of strings only
};

class Member {
 public:
  // As written between the quotes, escapes and all.
  std::string_view raw_key() const { return raw_key_; }
  bool key_escaped() const { return key_escaped_; }
  std::string key() const;
  bool key_is(std::string_view name) const { return key_escaped_ ? key() == name : raw_key_ == name; }
  const Value& value() const { return value_; }

 private:
  friend class Scanner;
  Member(std::string_view raw_key, bool key_escaped, const Value& value)
      : raw_key_(raw_key), key_escaped_(key_escaped), value_(value) {}

  std::string_view raw_key_;
  bool key_escaped_;
  Value value_;
};

// Members in the order written, duplicates kept. Up to 16 need no allocation.
class Object {
 public:
  auto begin() const { return members_.begin(); }
  auto end() const { return members_.end(); }
  size_t size() const { return members_.size(); }
  bool empty() const { return members_.empty(); }
  // Of duplicate keys the last counts, as in browsers and in Python. Null when there is none.
  const Value* find(std::string_view name) const;

 private:
  friend class Scanner;
  boost::container::small_vector<Member, 16> members_;
};

using Array = boost::container::small_vector<Value, 16>;

struct ParseError {
  enum class Reason {
    not_json,    // not RFC 8259, or not UTF-8, or a lone surrogate escape
    too_deep,    // JSON, but deeper than kDepthMax
    not_object,  // JSON, but parse_object was asked for
  };
  Reason reason = Reason::not_json;
  size_t offset = 0;          // of the first byte that does not fit
  const char* expected = "";  // what should have stood there

  // "expected a value at byte 17". Holds nothing of the text.
  std::string message() const;
};
[[noreturn]] void throw_exception_from_error(const ParseError& error, const boost::source_location& where);

template <class T>
using ParseResult = boost::system::result<T, ParseError>;

// Bytes that the WebSocket layer has validated already need not be validated again.
enum class Utf8 { check, trusted };

ParseResult<Value> parse(std::string_view text, Utf8 utf8 = Utf8::check);
// The same, for a text whose top level has to be an object; its members are split in the same pass.
ParseResult<Object> parse_object(std::string_view text, Utf8 utf8 = Utf8::check);

// The next level of a value that is known to be an object / array (anything else is a bug and aborts).
Object members(const Value& value);
Array elements(const Value& value);

// Empty when the value is of another kind; as_int64 also for a fraction, an exponent or what does not fit.
std::optional<std::string> as_string(const Value& value);
std::optional<int64_t> as_int64(const Value& value);
std::optional<bool> as_bool(const Value& value);
// The text of a string that was written without escapes; empty otherwise. No copy.
std::optional<std::string_view> as_plain_string(const Value& value);

// Appends `text` in quotes, with ", \ and control characters escaped. It has to be UTF-8.
void append_quoted(std::string& out, std::string_view text);

// Writes JSON in order, minding the commas. Balance is the caller's:
//   Writer(out).begin_object().member("success", true).key("context").raw(context).end_object();
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  Writer& begin_object() { return open('{'); }
  Writer& end_object() { return close('}'); }
  Writer& begin_array() { return open('['); }
  Writer& end_array() { return close(']'); }
  Writer& key(std::string_view name);

  Writer& value(std::string_view text);
  Writer& value(const char* text) { return value(std::string_view(text)); }
  Writer& value(const std::string& text) { return value(std::string_view(text)); }
  Writer& value(std::same_as<bool> auto flag) { return raw(flag ? "true" : "false"); }
  Writer& value(double number);  // null when not finite
  template <std::integral T>
  requires(!std::same_as<T, bool> && !std::same_as<T, char>) Writer& value(T number) {
    if constexpr (std::is_signed_v<T>) return integer(static_cast<int64_t>(number));
    return natural(static_cast<uint64_t>(number));
  }
  Writer& null() { return raw("null"); }
  // Already JSON: goes out byte for byte.
  Writer& raw(std::string_view json);

  template <class T>
  Writer& member(std::string_view name, const T& content) {
    return key(name).value(content);
  }
  // Null when absent.
  template <class T>
  Writer& member(std::string_view name, const std::optional<T>& content) {
    return content ? key(name).value(*content) : key(name).null();
  }

 private:
  Writer& open(char bracket);
  Writer& close(char bracket);
  Writer& integer(int64_t number);
  Writer& natural(uint64_t number);
  void separate();

  std::string& out_;
  bool comma_due_ = false;
};

}  // namespace gw::json
