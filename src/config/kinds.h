// The kinds of setting there are: each function makes the SettingValue that ties a place in Config to text.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/error.h"
#include "config/settings.h"
#include "config/values.h"

namespace gw::kinds {

template <class Part, class Member, class... Members>
auto& walk(Part& part, Member member, Members... members) {
  if constexpr (sizeof...(members) == 0) {
    return part.*member;
  } else {
    return walk(part.*member, members...);
  }
}

template <class T, class... Members>
concept is_way = (std::is_member_object_pointer_v<Members> && ...) &&
                 std::is_same_v<T&, decltype(walk(std::declval<Config&>(), std::declval<Members>()...))>;

// Where a setting is kept: a member of Config, or the way to one in the options of a component, as
// {&Config::connection, &ConnectionOptions::idle_timeout}.
template <class T>
class Place {
 public:
  template <class... Members>
  requires is_way<T, Members...> Place(Members... members)
      : find_([=](Config& config) -> T& { return walk(config, members...); }) {}

  T& operator()(Config& config) const { return find_(config); }
  const T& operator()(const Config& config) const { return find_(const_cast<Config&>(config)); }

 private:
  std::function<T&(Config&)> find_;
};

// Ties one value (not a list): `parse` gives an optional T, `format` its text.
template <class T, class Parse, class Format>
SettingValue scalar(Place<T> place, Parse parse, Format format) {
  SettingValue value;
  value.take = [place, parse](Config& config, std::span<const std::string> texts) -> std::vector<Refusal> {
    if (texts.size() != 1) return {{"", "expected exactly one value"}};
    auto parsed = parse(texts[0]);
    if (!parsed) return {{texts[0], ""}};
    place(config) = static_cast<T>(*std::move(parsed));
    return {};
  };
  value.show = [place, format](const Config& config) {
    return std::vector<std::string>{format(place(config))};
  };
  return value;
}

template <class T>
SettingValue count(std::type_identity_t<Place<T>> place, T min, T max) {
  auto parse = [min, max](const std::string& text) {
    std::optional<uint64_t> parsed = parse_count(text);
    return parsed && *parsed >= static_cast<uint64_t>(min) && *parsed <= static_cast<uint64_t>(max)
               ? parsed
               : std::nullopt;
  };
  SettingValue value =
      scalar(place, parse, [](T number) { return std::to_string(static_cast<uint64_t>(number)); });
  value.form = SettingValue::Form::number;
  value.placeholder = "N";
  value.expected = "a whole number from " + std::to_string(static_cast<uint64_t>(min)) + " to " +
                   std::to_string(static_cast<uint64_t>(max));
  return value;
}

SettingValue size(Place<size_t> place, size_t min, size_t max);
SettingValue size(Place<uint32_t> place, size_t min, size_t max);
SettingValue duration(Place<Duration> place, Duration min, Duration max);
SettingValue on_off(Place<bool> place);
// `parse` gives the text to keep, normalised. An empty text is taken as "not set".
SettingValue text(Place<std::string> place, std::string placeholder, std::string expected,
                  std::optional<std::string> (*parse)(std::string_view));

SettingValue file(Place<std::string> place);

// One of `words`, which stand in the order of E's enumerators (of a bool: false, true).
template <class E>
SettingValue choice(Place<E> place, std::vector<std::string_view> words) {
  auto parse = [words](const std::string& text) -> std::optional<E> {
    for (size_t i = 0; i < words.size(); ++i) {
      if (text == words[i]) return static_cast<E>(i);
    }
    return std::nullopt;
  };
  auto format = [words](E chosen) { return std::string(words[static_cast<size_t>(chosen)]); };
  SettingValue value = scalar(place, parse, format);
  for (const std::string_view word : words) {
    value.placeholder.append(value.placeholder.empty() ? "" : "|").append(word);
    value.expected.append(value.expected.empty() ? "" : word == words.back() ? " or " : ", ").append(word);
  }
  return value;
}

struct ListLimits {
  size_t min = 0;
  size_t max = 64;
};

template <class T>
std::string why_not(const std::optional<T>&) {
  return {};
}
template <class T>
std::string why_not(const Result<T>& parsed) {
  return parsed.error().detail;
}

// `parse` gives an optional T, or a Result<T> whose error says why not; `same` finds two items that may not
// both be there.
template <class T, class Parse, class Format, class Same>
SettingValue list(Place<std::vector<T>> place, ListLimits limits, Parse parse, Format format, Same same) {
  SettingValue value;
  value.form = SettingValue::Form::list;
  value.take = [=](Config& config, std::span<const std::string> texts) {
    std::vector<Refusal> refusals;
    std::vector<T> items;
    for (const std::string& given : texts) {
      for (const std::string& item : split_list(given)) {
        auto parsed = parse(item);
        if (!parsed) {
          refusals.push_back({item, why_not(parsed)});
        } else if (std::any_of(items.begin(), items.end(),
                               [&](const T& other) { return same(other, *parsed); })) {
          refusals.push_back({item, "is given twice"});
        } else {
          items.push_back(*std::move(parsed));
        }
      }
    }
    const size_t given = items.size() + refusals.size();
    if (given < limits.min) refusals.push_back({"", "expected at least " + std::to_string(limits.min)});
    if (given > limits.max) refusals.push_back({"", "expected at most " + std::to_string(limits.max)});
    if (refusals.empty()) place(config) = std::move(items);
    return refusals;
  };
  value.show = [place, format](const Config& config) {
    std::vector<std::string> texts;
    for (const T& item : place(config)) texts.push_back(format(item));
    return texts;
  };
  return value;
}
template <class T, class Parse, class Format, class Same>
SettingValue list(std::vector<T> Config::*member, ListLimits limits, Parse parse, Format format, Same same) {
  return list(Place<std::vector<T>>(member), limits, parse, format, same);
}

}  // namespace gw::kinds
