// The kinds of setting there are: each function makes the SettingValue that ties a member of Config to text.
#pragma once

#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "config/settings.h"
#include "config/values.h"

namespace gw::kinds {

// Ties one value (not a list): `parse` gives an optional T, `format` its text.
template <class Member, class Parse, class Format>
SettingValue scalar(Member member, Parse parse, Format format) {
  SettingValue value;
  value.take = [member, parse](Config& config, std::span<const std::string> texts) -> std::vector<Refusal> {
    if (texts.size() != 1) return {{"", "expected exactly one value"}};
    auto parsed = parse(texts[0]);
    if (!parsed) return {{texts[0], ""}};
    auto& target = std::invoke(member, config);
    target = static_cast<std::remove_reference_t<decltype(target)>>(*std::move(parsed));
    return {};
  };
  value.show = [member, format](const Config& config) {
    return std::vector<std::string>{format(std::invoke(member, config))};
  };
  return value;
}

template <class T>
SettingValue count(T Config::*member, T min, T max) {
  auto parse = [min, max](const std::string& text) {
    std::optional<uint64_t> parsed = parse_count(text);
    return parsed && *parsed >= min && *parsed <= max ? parsed : std::nullopt;
  };
  SettingValue value = scalar(member, parse, [](T number) { return std::to_string(number); });
  value.form = SettingValue::Form::number;
  value.placeholder = "N";
  value.expected = "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  return value;
}

SettingValue size(size_t Config::*member, size_t min, size_t max);
SettingValue duration(Duration Config::*member, Duration min, Duration max);
SettingValue on_off(bool Config::*member);
// `parse` gives the text to keep, normalised. An empty text is taken as "not set".
SettingValue text(std::string Config::*member, std::string placeholder, std::string expected,
                  std::optional<std::string> (*parse)(std::string_view));

// One of `words`, which stand in the order of the enumerators of what `member` gives for a Config.
template <class Member>
SettingValue choice(Member member, std::vector<std::string_view> words) {
  using E = std::remove_cvref_t<std::invoke_result_t<Member, Config&>>;
  auto parse = [words](const std::string& text) -> std::optional<E> {
    for (size_t i = 0; i < words.size(); ++i) {
      if (text == words[i]) return static_cast<E>(i);
    }
    return std::nullopt;
  };
  auto format = [words](E chosen) { return std::string(words[static_cast<size_t>(chosen)]); };
  SettingValue value = scalar(member, parse, format);
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

// `parse` gives an optional T; `same` finds two items that may not both be there.
template <class T, class Parse, class Format, class Same>
SettingValue list(std::vector<T> Config::*member, ListLimits limits, Parse parse, Format format, Same same) {
  SettingValue value;
  value.form = SettingValue::Form::list;
  value.take = [=](Config& config, std::span<const std::string> texts) {
    std::vector<Refusal> refusals;
    std::vector<T> items;
    for (const std::string& given : texts) {
      for (const std::string& item : split_list(given)) {
        auto parsed = parse(item);
        if (!parsed) {
          refusals.push_back({item, ""});
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
    if (refusals.empty()) config.*member = std::move(items);
    return refusals;
  };
  value.show = [member, format](const Config& config) {
    std::vector<std::string> texts;
    for (const T& item : config.*member) texts.push_back(format(item));
    return texts;
  };
  return value;
}

}  // namespace gw::kinds
