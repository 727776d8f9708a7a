// What a JSON object has to look like so that those who read it do not give up: members by name, each of a
// kind. Members that a shape does not name may be anything.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "json/json.h"

namespace gw::protocol {

struct Field;
struct Variant;

struct Shape {
  enum class Kind : uint8_t {
    any,
    not_null,
    text,
    flag,
    whole,         // an integer that every reader can hold
    natural,       // one of these that is not negative
    pointer,       // into a JSON value (RFC 6901)
    word,          // one of `words`
    object,        // with `fields`, if it names some
    map,           // an object whose members all are `element`
    list,          // of `element`
    text_or_list,  // the same, or a string
    variant,       // an object with the fields of that of `variants` which its member `tag` names
  };
  Kind kind = Kind::any;
  std::span<const std::string_view> words = {};
  std::span<const Field> fields = {};
  const Shape* element = nullptr;
  std::string_view tag = {};
  std::span<const Variant> variants = {};
  size_t least = 0;  // of a list
};

struct Field {
  std::string_view name;
  const Shape* shape;
  bool is_required = true;
};

// A value whose tag names none is passed over by its readers.
struct Variant {
  std::string_view tag;
  std::span<const Field> fields;
};

// Empty: it fits. Otherwise which member does not, and why: "delta must be a string".
std::string misfit(const json::Object& object, std::span<const Field> fields);

}  // namespace gw::protocol
