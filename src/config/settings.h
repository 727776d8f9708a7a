// The one list of settings. Flags, variables, file keys, --help, --print-config and the tables of
// docs/operations/settings.md are all read off it, so none of them can say anything else.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"

namespace gw {

enum class SettingGroup { addresses, clients, sessions, agents, runs, consul, operations };
inline constexpr size_t kSettingGroups = 7;
std::string_view title(SettingGroup group);

// What is wrong with one of the values that a setting was given.
struct Refusal {
  std::string value;
  std::string why;  // empty: it is not what SettingValue::expected says
};

// How a setting's value is written and kept.
struct SettingValue {
  enum class Form { number, text, list };

  Form form = Form::text;
  std::string placeholder;  // in --help, as in "--listen HOST:PORT"
  std::string expected;     // "a whole number from 1 to 64": completes "expected ..."
  bool bare_flag = false;   // `--name` alone means on
  bool secret = false;      // never shown as it is
  // Sets it from what was given: one text, or any number of them for a list. Empty: taken.
  std::function<std::vector<Refusal>(Config&, std::span<const std::string>)> take;
  // In a form that take() reads back to the same value.
  std::function<std::vector<std::string>(const Config&)> show;
};

struct Setting {
  std::string_view name;  // as a flag, without the dashes
  SettingGroup group;
  std::string_view doc;         // one sentence without a full stop
  std::string_view when_empty;  // what an empty default means
  SettingValue value;

  std::string flag() const;
  std::string variable() const;
  std::string key() const;
};

// How each source spells a name: --max-connections, GATEWAY_MAX_CONNECTIONS, max_connections.
std::string flag_of(std::string_view name);
std::string variable_of(std::string_view name);
std::string key_of(std::string_view name);

// In the order in which they are documented.
const std::vector<Setting>& settings();
const Setting* find_setting(std::string_view name);

}  // namespace gw
