// What callers give: members of a JSON body, parameters of a query. Read all that a call needs, then look
// at fault() once: it is the first thing that was wrong and names the field.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "json/json.h"
#include "net/http/query.h"

namespace gw {

class Faults {
 public:
  // Empty: everything was in order.
  const std::optional<Error>& fault() const { return fault_; }

 protected:
  void blame(std::string detail);
  // [A-Za-z0-9._@+=-]{1,128}
  std::string checked_name(std::string_view field, std::string value);
  std::string checked_user_id(std::string_view field, std::string value);

 private:
  std::optional<Error> fault_;
};

// An optional member that is null counts as absent.
class BodyFields : public Faults {
 public:
  explicit BodyFields(std::string_view body);

  std::string text(std::string_view field);
  std::string name(std::string_view field);
  std::optional<std::string> optional_text(std::string_view field);
  std::optional<std::string> optional_name(std::string_view field);
  std::optional<std::string> optional_user_id(std::string_view field);
  std::optional<int64_t> optional_number(std::string_view field);
  // Both bounds are in. What is outside of them is blamed and not given.
  int64_t number_within(std::string_view field, int64_t least, int64_t most);
  std::optional<int64_t> optional_number_within(std::string_view field, int64_t least, int64_t most);
  std::optional<bool> optional_bool(std::string_view field);
  std::optional<std::chrono::seconds> optional_seconds(std::string_view field);
  // Any JSON value, as it was written: a view into the body.
  std::string_view raw(std::string_view field);
  std::optional<std::string_view> optional_object(std::string_view field);
  std::vector<std::string> texts(std::string_view field, size_t count_max);
  std::optional<json::Array> optional_list(std::string_view field);
  // Blames a member that stands twice: whoever reads the body after us may take the other one.
  void refuse_repeated();
  // The first fault of an object within.
  void take_fault(std::string_view field, const Faults& inner);
  // How many of these are given.
  size_t count(std::initializer_list<std::string_view> fields) const;

 private:
  // Null when absent or null.
  const json::Value* find(std::string_view field) const;

  std::optional<json::Object> object_;
};

class QueryFields : public Faults {
 public:
  explicit QueryFields(std::string_view query);

  std::string text(std::string_view field);
  std::string name(std::string_view field);
  std::optional<std::string> optional_name(std::string_view field);
  // An empty one is none.
  std::optional<std::string> optional_user_id(std::string_view field);
  // As it was given; an empty one is none.
  std::optional<std::string> optional_text(std::string_view field);
  // Both bounds are in. What is outside of them is blamed and not given.
  std::optional<int64_t> optional_number_within(std::string_view field, int64_t least, int64_t most);

 private:
  std::optional<http::Query> query_;
};

}  // namespace gw
