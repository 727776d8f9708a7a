#include "protocol/item_shape.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace gw::protocol {
namespace {

using Kind = Shape::Kind;

constexpr double kWholeMax = 9007199254740991;  // 2^53 - 1

bool is_whole(const json::Value& value, double least) {
  if (!value.is_number()) return false;
  const double number = std::strtod(std::string(value.raw()).c_str(), nullptr);
  return number >= least && number <= kWholeMax && std::floor(number) == number;
}

// "/a/0", with "~0" and "~1" for "~" and "/"; empty: the whole.
bool is_pointer(const json::Value& value) {
  const auto text = json::as_string(value);
  if (!text || (!text->empty() && text->front() != '/')) return false;
  for (size_t i = text->find('~'); i != text->npos; i = text->find('~', i + 1)) {
    if (i + 1 == text->size() || ((*text)[i + 1] != '0' && (*text)[i + 1] != '1')) return false;
  }
  return true;
}

bool is_word(const json::Value& value, std::span<const std::string_view> words) {
  const auto text = json::as_string(value);
  return text && std::find(words.begin(), words.end(), *text) != words.end();
}

std::string wanted(const Shape& shape) {
  switch (shape.kind) {
    case Kind::any:
    case Kind::not_null: return "must not be null";
    case Kind::text: return "must be a string";
    case Kind::flag: return "must be true or false";
    case Kind::whole: return "must be an integer";
    case Kind::natural: return "must be an integer and not negative";
    case Kind::pointer: return "must be a JSON pointer";
    case Kind::object:
    case Kind::map:
    case Kind::variant: return "must be an object";
    case Kind::list: return shape.least > 0 ? "must be a list and not empty" : "must be a list";
    case Kind::text_or_list: return "must be a string or a list";
    case Kind::word: break;
  }
  std::string out = "must be one of";
  for (const std::string_view word : shape.words)
    out.append(word == shape.words.front() ? " " : ", ").append(word);
  return out;
}

bool has_kind(const json::Value& value, const Shape& shape) {
  switch (shape.kind) {
    case Kind::any: return true;
    case Kind::not_null: return !value.is_null();
    case Kind::text: return value.is_string();
    case Kind::flag: return value.is_boolean();
    case Kind::whole: return is_whole(value, -kWholeMax);
    case Kind::natural: return is_whole(value, 0);
    case Kind::pointer: return is_pointer(value);
    case Kind::word: return is_word(value, shape.words);
    case Kind::object:
    case Kind::map:
    case Kind::variant: return value.is_object();
    case Kind::list: return value.is_array();
    case Kind::text_or_list: return value.is_string() || value.is_array();
  }
  return false;
}

std::string misfit(const json::Value& value, const Shape& shape, const std::string& path);

std::string misfit(const json::Object& object, std::span<const Field> fields, const std::string& path) {
  for (const Field& field : fields) {
    const json::Value* const value = object.find(field.name);
    const std::string name = path + std::string(field.name);
    if (!value) {
      if (field.is_required) return name + " is required";
      continue;
    }
    if (std::string why = misfit(*value, *field.shape, name); !why.empty()) return why;
  }
  return {};
}

std::string misfit_of_list(const json::Array& list, const Shape& shape, const std::string& path) {
  if (list.size() < shape.least) return path + " " + wanted(shape);
  for (size_t i = 0; i < list.size(); ++i) {
    std::string why = misfit(list[i], *shape.element, path + "[" + std::to_string(i) + "]");
    if (!why.empty()) return why;
  }
  return {};
}

std::string misfit_of_variant(const json::Object& object, const Shape& shape, const std::string& path) {
  const json::Value* const tag = object.find(shape.tag);
  const std::string word = tag ? json::as_string(*tag).value_or("") : std::string();
  const auto found = std::find_if(shape.variants.begin(), shape.variants.end(),
                                  [&](const Variant& variant) { return variant.tag == word; });
  return found == shape.variants.end() ? std::string() : misfit(object, found->fields, path);
}

std::string misfit(const json::Value& value, const Shape& shape, const std::string& path) {
  if (!has_kind(value, shape)) return path + " " + wanted(shape);
  switch (shape.kind) {
    case Kind::object:
      return shape.fields.empty() ? std::string() : misfit(json::members(value), shape.fields, path + ".");
    case Kind::map:
      for (const json::Member& member : json::members(value)) {
        std::string why = misfit(member.value(), *shape.element, path + "." + member.key());
        if (!why.empty()) return why;
      }
      return {};
    case Kind::variant: return misfit_of_variant(json::members(value), shape, path + ".");
    case Kind::list: return misfit_of_list(json::elements(value), shape, path);
    case Kind::text_or_list:
      return value.is_array() ? misfit_of_list(json::elements(value), shape, path) : std::string();
    default: return {};
  }
}

}  // namespace

std::string misfit(const json::Object& object, std::span<const Field> fields) {
  return misfit(object, fields, "");
}

}  // namespace gw::protocol
