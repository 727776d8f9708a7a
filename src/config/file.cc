#include <fmt/format.h>

#include <stdexcept>

// Only here, and compiled in: toml++ as a library of its own would be one more thing to ship.
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
// toml++ 3.3 asserts what a malformed file can break ("[[[a]"): the file's mistake, not a bug of ours.
#undef NDEBUG
#define TOML_ASSERT(condition) ((condition) ? static_cast<void>(0) : throw std::invalid_argument("toml++"))
// In functions that may not throw it still ends the program; the parser's own may.
#pragma GCC diagnostic push
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wterminate"
#endif
#include <toml++/toml.h>
#pragma GCC diagnostic pop

#include "base/utf8.h"
#include "config/settings.h"
#include "config/sources.h"
#include "config/values.h"

namespace gw {
namespace {

constexpr size_t kApiKeysMax = 1000;

const Vocabulary& vocabulary() {
  static const Vocabulary words{key_of, {"api-keys"}};
  return words;
}

std::string setting_name(std::string_view key) {
  std::string name(key);
  for (char& c : name) c = c == '_' ? '-' : c;
  return name;
}

std::string at(const std::string& file, const toml::node& node) {
  return fmt::format("{}:{}", file, node.source().begin.line);
}

// A scalar as a flag would have it: TOML's types are there for the eye.
std::optional<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* yes = node.as_boolean()) return yes->get() ? "true" : "false";
  return std::nullopt;
}

std::optional<FileEntry> read_entry(const toml::key& key, const toml::node& node, const std::string& file,
                                    std::vector<std::string>& problems) {
  FileEntry entry{std::string(key.str()),
                  {},
                  node.is_array(),
                  fmt::format("{}: {}", at(file, node), plain_or_quoted(key.str()))};
  const auto refuse = [&](const char* what) {
    problems.push_back(fmt::format("{}: expected {}", entry.where, what));
    return std::nullopt;
  };
  if (const toml::array* items = node.as_array()) {
    for (const toml::node& item : *items) {
      std::optional<std::string> text = scalar_text(item);
      if (!text) return refuse("a list of strings or numbers");
      entry.texts.push_back(std::move(*text));
    }
    return entry;
  }
  std::optional<std::string> text = scalar_text(node);
  if (!text) return refuse("a string, a number, true, false or a list");
  entry.texts.push_back(std::move(*text));
  return entry;
}

void read_setting(FileEntry entry, FileSettings& out, std::vector<std::string>& problems) {
  const std::string name = setting_name(entry.key);
  const Setting* setting = find_setting(name);
  if (setting == nullptr) {
    problems.push_back(unknown_setting(name, entry.where, vocabulary()));
  } else if (entry.is_list && setting->value.form != SettingValue::Form::list) {
    problems.push_back(entry.where + ": a list; expected " + setting->value.expected);
  } else if (out.settings.contains(name)) {  // with a dash and with an underscore
    problems.push_back(entry.where + ": is set twice");
  } else {
    out.settings[name] = {std::move(entry.texts), entry.where};
  }
}

void read_api_keys(const toml::node& node, const std::string& file, FileSettings& out,
                   std::vector<std::string>& problems) {
  const toml::array* tables = node.as_array();
  if (tables == nullptr || !tables->is_homogeneous<toml::table>() || tables->size() > kApiKeysMax) {
    problems.push_back(fmt::format("{}: api_keys: expected 1 to {} tables, each under its own [[api_keys]]",
                                   at(file, node), kApiKeysMax));
    return;
  }
  for (const toml::node& element : *tables) {
    ApiKeyTable table{{}, at(file, element)};
    for (const auto& [key, value] : *element.as_table()) {
      if (auto entry = read_entry(key, value, file, problems)) table.entries.push_back(std::move(*entry));
    }
    out.api_keys.push_back(std::move(table));
  }
}

// toml++ quotes what it stumbled over, which may be a secret: a letter of it helps, the rest is dropped.
std::string without_quotations(std::string_view description) {
  std::string out;
  while (!description.empty()) {
    const size_t open = description.find('\'');
    out.append(description.substr(0, open));
    if (open == std::string_view::npos) break;
    const size_t close = description.find('\'', open + 1);
    if (close == std::string_view::npos) break;
    const std::string_view quotation = description.substr(open + 1, close - open - 1);
    out += quotation.size() <= 4 ? quote(quotation) : "...";
    description.remove_prefix(close + 1);
  }
  return out;
}

// toml++ 3.3 has undefined behaviour where it looks for white space and meets other characters than ASCII's
// (is_non_ascii_horizontal_whitespace). No setting needs them but in a quoted text or a comment: the line of
// the first that stands elsewhere, or in a text of several lines.
std::optional<size_t> stray_character_line(std::string_view text) {
  size_t line = 1;
  char quoted = 0;  // by what; 0: not in a text
  bool comment = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      quoted = 0;
      comment = false;
    } else if (comment) {
      continue;
    } else if (quoted == '"' && c == '\\') {
      i += text.substr(i + 1, 1) == "\n" ? 0 : 1;
    } else if (quoted != 0) {
      if (c == quoted) quoted = 0;
    } else if (c == '"' || c == '\'') {
      quoted = c;
    } else if (c == '#') {
      comment = true;
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      return line;
    }
  }
  return std::nullopt;
}

}  // namespace

FileSettings read_toml(std::string_view text, const std::string& name, std::vector<std::string>& problems) {
  FileSettings out;
  toml::table root;
  // What some editors put before UTF-8.
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!is_valid_utf8(text)) {
    problems.push_back(name + ": not TOML: not UTF-8");
    return out;
  }
  if (const auto line = stray_character_line(text)) {
    problems.push_back(
        fmt::format("{}:{}: not TOML: a character that is not ASCII, outside of a quoted text", name, *line));
    return out;
  }
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    const auto& where = error.source().begin;
    problems.push_back(fmt::format("{}:{}:{}: not TOML: {}", name, where.line, where.column,
                                   without_quotations(error.description())));
    return out;
  } catch (const std::invalid_argument&) {
    problems.push_back(name + ": not TOML: a bracket or a key is out of place");
    return out;
  }
  for (const auto& [key, node] : root) {
    if (key.str() == "api_keys" || key.str() == "api-keys") {
      read_api_keys(node, name, out, problems);
    } else if (auto entry = read_entry(key, node, name, problems)) {
      read_setting(std::move(*entry), out, problems);
    }
  }
  return out;
}

}  // namespace gw
