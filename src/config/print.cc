#include "config/print.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/hex.h"
#include "config/program_flags.h"
#include "config/reload.h"
#include "config/settings.h"
#include "config/values.h"

namespace gw {
namespace {

constexpr size_t kCommentColumn = 48;

// Everything that gets here is printable ASCII, since every setting's grammar is; what toml++ reads from a
// basic string is what was put in.
std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out.append(out.empty() ? "" : ", ").append(text);
  return out;
}

std::string toml_list(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(toml_string(text));
  return "[" + joined(quoted) + "]";
}

std::string toml_value(const SettingValue& value, const Config& config) {
  const std::vector<std::string> texts = value.show(config);
  switch (value.form) {
    case SettingValue::Form::list: return toml_list(texts);
    case SettingValue::Form::number: return texts.front();
    case SettingValue::Form::text: return toml_string(texts.front());
  }
  return {};
}

std::string line(const std::string& assignment, const std::string& comment) {
  return fmt::format("{:<{}}  # {}\n", assignment, kCommentColumn, comment);
}

std::string setting_line(const Setting& setting, const Config& config, const Provenance& where) {
  std::string from = where(setting.name);
  from.erase(std::min(from.find(": "), from.size()));  // the key itself stands there already
  const bool empty = joined(setting.value.show(config)).empty();
  if (empty && !setting.when_empty.empty()) from.append(": ").append(setting.when_empty);
  const std::vector<std::string> shown = setting.value.show(config);
  if (setting.value.secret && std::any_of(shown.begin(), shown.end(), has_credentials)) {
    std::string masked;
    for (const std::string& text : shown) masked += (masked.empty() ? "" : " ") + mask_credentials(text);
    return line("# " + setting.key() + " = " + toml_string(masked),
                from + "; has a password, which is not shown: give it as " + setting.variable());
  }
  return line(setting.key() + " = " + toml_value(setting.value, config), from);
}

std::string api_key_table(const ApiKeyConfig& key) {
  std::string out = "\n[[api_keys]]\n";
  if (!key.name.empty()) out += "name = " + toml_string(key.name) + "\n";
  out += "realm = " + toml_string(key.realm) + "\n";
  out += "key_sha256 = " + toml_string(to_hex(key.key_sha256)) + "\n";
  out += "scopes = " + toml_list(key.scopes) + "\n";
  if (key.channels) out += "channels = " + toml_list(*key.channels) + "\n";
  if (key.tenant) out += "tenant = " + toml_string(*key.tenant) + "\n";
  return out;
}

template <class F>
void for_each_group(F&& visit) {
  for (size_t i = 0; i < kSettingGroups; ++i) visit(static_cast<SettingGroup>(i));
}

template <class F>
void for_each_in(SettingGroup group, F&& visit) {
  for (const Setting& setting : settings()) {
    if (setting.group == group) visit(setting);
  }
}

std::string default_text(const Setting& setting) {
  const std::string text = joined(setting.value.show(Config{}));
  return text.empty() ? std::string(setting.when_empty) : text;
}

// ---- --help

constexpr size_t kHelpColumn = 36;
constexpr size_t kHelpWidth = 100;

// `text` in lines of at most kHelpWidth columns, all but the first indented to kHelpColumn.
std::string wrapped(std::string_view text) {
  std::string out;
  size_t column = kHelpColumn;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const bool first = column == kHelpColumn;
    if (!first && column + 1 + word.size() > kHelpWidth) {
      out += "\n" + std::string(kHelpColumn, ' ');
      column = kHelpColumn;
    } else if (!first) {
      out.push_back(' ');
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

std::string help_entry(const std::string& flag, const std::string& text) {
  const std::string left = "  " + flag;
  const bool fits = left.size() + 2 <= kHelpColumn;
  const std::string gap =
      fits ? std::string(kHelpColumn - left.size(), ' ') : "\n" + std::string(kHelpColumn, ' ');
  return left + gap + wrapped(text) + "\n";
}

std::string help_entry(const ProgramFlag& flag) {
  const std::string letter = flag.letter != '\0' ? fmt::format("-{}, ", flag.letter) : "";
  const std::string value = flag.value.empty() ? "" : fmt::format(" {}", flag.value);
  return help_entry(fmt::format("{}--{}{}", letter, flag.name, value), std::string(flag.doc));
}

std::string help_entry(const Setting& setting) {
  const SettingValue& value = setting.value;
  const std::string flag = setting.flag() + (value.bare_flag ? "" : " " + value.placeholder);
  const bool repeatable = value.form == SettingValue::Form::list;
  return help_entry(
      flag, fmt::format("{}{} [{}]", setting.doc, repeatable ? "; repeatable" : "", default_text(setting)));
}

// ---- --print-sample-config

std::string sample_entry(const Setting& setting) {
  const std::string value = toml_value(setting.value, Config{});
  const std::string empty = joined(setting.value.show(Config{})).empty()
                                ? fmt::format("; unset: {}", setting.when_empty)
                                : std::string();
  return fmt::format("\n# {}{}.\n# {}.\n#{} = {}\n", setting.doc, empty, setting.value.expected,
                     setting.key(), value);
}

// ---- docs/operations/settings.md

std::string markdown_default(const Setting& setting) {
  const std::vector<std::string> texts = setting.value.show(Config{});
  if (joined(texts).empty()) return std::string(setting.when_empty);
  std::vector<std::string> in_code;
  for (const std::string& text : texts) in_code.push_back("`" + text + "`");
  return joined(in_code);
}

std::string markdown_row(const Setting& setting) {
  return fmt::format("| `{}` | {} | {} | {} | {} |\n", setting.name, markdown_default(setting),
                     setting.value.expected, setting.doc, is_reloaded(setting.name) ? "yes" : "");
}

}  // namespace

std::string help_text(const std::string& version) {
  std::string out = fmt::format(
      "websocket-gateway {}: a WebSocket gateway between browsers and AI agents\n\n"
      "Usage: websocket-gateway [--config FILE] [settings]\n",
      version);
  for_each_group([&](SettingGroup group) {
    out += fmt::format("\n{}\n", title(group));
    for_each_in(group, [&](const Setting& setting) { out += help_entry(setting); });
  });
  out += "\nThis program\n";
  for (const ProgramFlag& flag : kProgramFlags) out += help_entry(flag);
  out +=
      "\nEvery setting can be a flag (--queue-age 5m), a variable (GATEWAY_QUEUE_AGE=5m) or a key of the "
      "TOML\n"
      "file (queue_age = \"5m\"); flags come before variables, variables before the file. Lists take "
      "commas.\n"
      "  TIME  seconds, or with a unit: 500ms, 30s, 5m, 2h\n"
      "  SIZE  bytes, or with a unit: 64KiB (or 64k), 16MiB, 1GiB; powers of 1024\n"
      "API keys are no flags, since others can read a command line: set GATEWAY_API_KEY (a key that may "
      "do\n"
      "everything), GATEWAY_API_KEY_FILE to a file with it, or write [[api_keys]] into the file. Without a "
      "key\n"
      "the gateway listens on loopback only, makes one at start and prints it.\n"
      "SIGHUP, or POST /api/admin/reload, reads all of them again; docs/operations/settings.md says which "
      "ones\n"
      "count then. The others need a restart.\n"
      "\nExample\n"
      "  GATEWAY_API_KEY=\"$(openssl rand -hex 32)\" websocket-gateway --listen 0.0.0.0:8000 \\\n"
      "      --allowed-origin https://app.example.org --public-url wss://chat.example.org\n"
      "\nExit codes: 0 drained, 2 wrong settings, 1 anything else\n";
  return out;
}

std::string config_toml(const Config& config, const std::string& version, const Provenance& where) {
  std::string out = fmt::format(
      "# The settings of websocket-gateway {} in effect; can be read back with --config.\n", version);
  for_each_group([&](SettingGroup group) {
    out += fmt::format("\n# {}\n", title(group));
    for_each_in(group, [&](const Setting& setting) { out += setting_line(setting, config, where); });
  });
  if (!config.root_keys.empty())
    out += "\n# GATEWAY_API_KEY is set: a key with every scope, channel and realm (not shown).\n";
  if (!config.consul_token.empty()) out += "\n# A token for Consul is set as a variable (not shown).\n";
  if (!config.api_keys.empty()) out += "\n# Keys are shown by their SHA-256, which serves as well.\n";
  for (const ApiKeyConfig& key : config.api_keys) out += api_key_table(key);
  for (const std::string& warning : config.warnings) out += "\n# Warning: " + warning + "\n";
  return out;
}

std::string sample_toml() {
  std::string out =
      "# Settings of websocket-gateway. Every default stands here as a comment; what each setting means in "
      "full is in\n"
      "# websocket-gateway(1). A variable (GATEWAY_LISTEN) comes before this file, a flag (--listen) before "
      "both.\n"
      "# Whoever changes it can try it first: websocket-gateway --check-config --config FILE\n";
  for_each_group([&](SettingGroup group) {
    out += fmt::format("\n\n# ---- {}\n", title(group));
    for_each_in(group, [&](const Setting& setting) { out += sample_entry(setting); });
  });
  out +=
      "\n\n# ---- API keys\n"
      "\n# Besides GATEWAY_API_KEY, which may do everything: keys that may do a part, by their SHA-256.\n"
      "#[[api_keys]]\n#realm = \"agents\"\n#key_sha256 = \"64 hexadecimal digits\"\n"
      "#scopes = [\"subscribe\", \"send\", \"runs\"]\n#channels = [\"guide\"]\n";
  return out;
}

std::string settings_markdown() {
  std::string out;
  for_each_group([&](SettingGroup group) {
    out += fmt::format(
        "{}### {}\n\n| setting | default | values | what | reload |\n| --- | --- | --- | --- | --- |\n",
        out.empty() ? "" : "\n", title(group));
    for_each_in(group, [&](const Setting& setting) { out += markdown_row(setting); });
  });
  return out;
}

}  // namespace gw
