#include "config/kinds.h"

namespace gw::kinds {

namespace {

template <class T>
SettingValue any_size(Place<T> place, size_t min, size_t max) {
  auto parse = [min, max](const std::string& text) {
    std::optional<uint64_t> parsed = parse_size(text);
    return parsed && *parsed >= min && *parsed <= max ? parsed : std::nullopt;
  };
  SettingValue value = scalar(std::move(place), parse, format_size);
  value.placeholder = "SIZE";
  value.expected = "a size from " + format_size(min) + " to " + format_size(max);
  return value;
}

}  // namespace

SettingValue size(Place<size_t> place, size_t min, size_t max) {
  return any_size(std::move(place), min, max);
}
SettingValue size(Place<uint32_t> place, size_t min, size_t max) {
  return any_size(std::move(place), min, max);
}

SettingValue duration(Place<Duration> place, Duration min, Duration max) {
  auto parse = [min, max](const std::string& text) {
    std::optional<Duration> parsed = parse_duration(text);
    return parsed && *parsed >= min && *parsed <= max ? parsed : std::nullopt;
  };
  SettingValue value = scalar(std::move(place), parse, format_duration);
  value.placeholder = "TIME";
  value.expected = "a duration from " + format_duration(min) + " to " + format_duration(max);
  return value;
}

SettingValue on_off(Place<bool> place) {
  SettingValue value = scalar(
      std::move(place), [](const std::string& text) { return parse_switch(text); },
      [](bool on) { return std::string(on ? "on" : "off"); });
  value.placeholder = "on|off";
  value.expected = "on or off";
  return value;
}

SettingValue text(Place<std::string> place, std::string placeholder, std::string expected,
                  std::optional<std::string> (*parse)(std::string_view)) {
  auto parse_or_unset = [parse](const std::string& given) {
    return given.empty() ? std::optional<std::string>(given) : parse(given);
  };
  SettingValue value = scalar(std::move(place), parse_or_unset, [](const std::string& kept) { return kept; });
  value.placeholder = std::move(placeholder);
  value.expected = std::move(expected);
  return value;
}

SettingValue file(Place<std::string> place) {
  return text(std::move(place), "FILE", "the path of a PEM file",
              [](std::string_view path) { return std::optional<std::string>(path); });
}

}  // namespace gw::kinds
