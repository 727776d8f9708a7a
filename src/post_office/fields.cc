#include "post_office/fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/ids.h"
#include "base/user_id.h"

namespace gw {
namespace {

std::string about(std::string_view field, const char* what) { return std::string(field) + what; }

// 60.0 and 6e1 are whole numbers, too: JSON has one kind of number, and JSON Schema's integer is a value.
std::optional<int64_t> whole_number(const json::Value& value) {
  if (const std::optional<int64_t> number = json::as_int64(value); number || !value.is_number())
    return number;
  constexpr double kExactMax = 9007199254740992.0;  // 2^53
  const std::string_view text = value.raw();
  double number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc{} && std::abs(number) <= kExactMax && std::trunc(number) == number;
  return whole ? std::optional(static_cast<int64_t>(number)) : std::nullopt;
}

std::string bounds(std::string_view field, int64_t least, int64_t most) {
  return std::string(field) + " must be a whole number from " + std::to_string(least) + " to " +
         std::to_string(most);
}

}  // namespace

void Faults::blame(std::string detail) {
  if (!fault_) fault_ = Error{Errc::invalid_argument, std::move(detail)};
}

std::string Faults::checked_name(std::string_view field, std::string value) {
  if (!is_valid_name(value)) blame(about(field, " must match [A-Za-z0-9._@+=-]{1,128}"));
  return value;
}

std::string Faults::checked_user_id(std::string_view field, std::string value) {
  if (!is_valid_user_id(value)) blame(std::string(field) + " must be " + std::string(kUserIdForm));
  return value;
}

BodyFields::BodyFields(std::string_view body) {
  auto parsed = json::parse_object(body);
  if (parsed) {
    object_ = std::move(*parsed);
  } else {
    blame("the body must be a JSON object: " + parsed.error().message());
  }
}

const json::Value* BodyFields::find(std::string_view field) const {
  const json::Value* value = object_ ? object_->find(field) : nullptr;
  return value && !value->is_null() ? value : nullptr;
}

std::optional<std::string> BodyFields::optional_text(std::string_view field) {
  const json::Value* value = find(field);
  if (!value) return std::nullopt;
  std::optional<std::string> text = json::as_string(*value);
  if (!text) blame(about(field, " must be a string"));
  return text;
}

std::string BodyFields::text(std::string_view field) {
  if (!find(field)) blame(about(field, " is required"));
  return optional_text(field).value_or("");
}

std::string BodyFields::name(std::string_view field) { return checked_name(field, text(field)); }

std::optional<std::string> BodyFields::optional_name(std::string_view field) {
  std::optional<std::string> value = optional_text(field);
  if (value) value = checked_name(field, std::move(*value));
  return value;
}

std::optional<std::string> BodyFields::optional_user_id(std::string_view field) {
  std::optional<std::string> value = optional_text(field);
  if (value) value = checked_user_id(field, std::move(*value));
  return value;
}

std::optional<int64_t> BodyFields::optional_number(std::string_view field) {
  const json::Value* value = find(field);
  if (!value) return std::nullopt;
  const std::optional<int64_t> number = whole_number(*value);
  if (!number) blame(about(field, " must be a whole number"));
  return number;
}

std::optional<int64_t> BodyFields::optional_number_within(std::string_view field, int64_t least,
                                                          int64_t most) {
  const json::Value* value = find(field);
  if (!value) return std::nullopt;
  const std::optional<int64_t> number = whole_number(*value);
  if (number && *number >= least && *number <= most) return number;
  blame(bounds(field, least, most));
  return std::nullopt;
}

int64_t BodyFields::number_within(std::string_view field, int64_t least, int64_t most) {
  if (!find(field)) blame(about(field, " is required"));
  return optional_number_within(field, least, most).value_or(least);
}

std::optional<bool> BodyFields::optional_bool(std::string_view field) {
  const json::Value* value = find(field);
  if (!value) return std::nullopt;
  const std::optional<bool> flag = json::as_bool(*value);
  if (!flag) blame(about(field, " must be true or false"));
  return flag;
}

std::optional<json::Array> BodyFields::optional_list(std::string_view field) {
  const json::Value* value = find(field);
  if (!value) return std::nullopt;
  if (value->is_array()) return json::elements(*value);
  blame(about(field, " must be a list"));
  return json::Array();
}

void BodyFields::refuse_repeated() {
  // Looking for each among all is dear: no call of ours has so many.
  constexpr size_t kMembersMax = 64;
  if (!object_) return;
  if (object_->size() > kMembersMax) return blame("the body has too many members");
  for (const json::Member& member : *object_) {
    const std::string key = member.key();
    // Of members with one name the last is found.
    if (object_->find(key) != &member.value()) return blame("a member stands twice: " + key.substr(0, 64));
  }
}

void BodyFields::take_fault(std::string_view field, const Faults& inner) {
  if (inner.fault()) blame(std::string(field) + ": " + inner.fault()->detail);
}

std::optional<std::chrono::seconds> BodyFields::optional_seconds(std::string_view field) {
  const json::Value* value = find(field);
  if (!value) return std::nullopt;
  const std::optional<int64_t> number = whole_number(*value);
  if (!number) blame(about(field, " must be a whole number of seconds"));
  return std::chrono::seconds(number.value_or(0));
}

std::string_view BodyFields::raw(std::string_view field) {
  const json::Value* value = object_ ? object_->find(field) : nullptr;
  if (!value) blame(about(field, " is required"));
  return value ? value->raw() : std::string_view();
}

std::optional<std::string_view> BodyFields::optional_object(std::string_view field) {
  const json::Value* value = find(field);
  if (!value) return std::nullopt;
  if (!value->is_object()) blame(about(field, " must be an object"));
  return value->raw();
}

std::vector<std::string> BodyFields::texts(std::string_view field, size_t count_max) {
  std::vector<std::string> texts;
  const json::Value* value = find(field);
  if (!value || !value->is_array()) {
    blame(about(field, " must be a list of strings"));
    return texts;
  }
  const json::Array items = json::elements(*value);
  if (items.size() > count_max)
    blame(std::string(field) + " must not have more than " + std::to_string(count_max));
  for (const json::Value& item : items) {
    if (fault()) break;
    std::optional<std::string> text = json::as_string(item);
    if (!text) blame(about(field, " must be a list of strings"));
    texts.push_back(std::move(text).value_or(""));
  }
  return texts;
}

size_t BodyFields::count(std::initializer_list<std::string_view> fields) const {
  return static_cast<size_t>(
      std::count_if(fields.begin(), fields.end(), [this](std::string_view field) { return find(field); }));
}

QueryFields::QueryFields(std::string_view query) {
  auto parsed = http::Query::parse(query);
  if (parsed) {
    query_ = std::move(*parsed);
  } else {
    blame("the query is malformed: " + parsed.error().detail);
  }
}

std::string QueryFields::text(std::string_view field) {
  const auto value = query_ ? query_->get(field) : std::nullopt;
  if (!value) blame(about(field, " is required"));
  return std::string(value.value_or(""));
}

std::string QueryFields::name(std::string_view field) { return checked_name(field, text(field)); }

std::optional<std::string> QueryFields::optional_name(std::string_view field) {
  const auto value = query_ ? query_->get(field) : std::nullopt;
  if (!value || value->empty()) return std::nullopt;
  return checked_name(field, std::string(*value));
}

std::optional<std::string> QueryFields::optional_user_id(std::string_view field) {
  std::optional<std::string> value = optional_text(field);
  if (value) value = checked_user_id(field, std::move(*value));
  return value;
}

std::optional<std::string> QueryFields::optional_text(std::string_view field) {
  const auto value = query_ ? query_->get(field) : std::nullopt;
  if (!value || value->empty()) return std::nullopt;
  return std::string(*value);
}

std::optional<int64_t> QueryFields::optional_number_within(std::string_view field, int64_t least,
                                                           int64_t most) {
  const std::optional<std::string> text = optional_text(field);
  if (!text) return std::nullopt;
  int64_t number = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error == std::errc{} && stop == end && number >= least && number <= most) return number;
  blame(bounds(field, least, most));
  return std::nullopt;
}

}  // namespace gw
