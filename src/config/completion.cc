#include "config/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "config/program_flags.h"
#include "config/settings.h"

namespace gw {
namespace {

struct Flag {
  std::string name;   // with its dashes
  std::string value;  // a placeholder; "a|b" for words to choose from; empty: none
  std::string doc;
  bool repeatable = false;
};

std::vector<Flag> flags() {
  std::vector<Flag> out;
  for (const Setting& setting : settings())
    out.push_back({setting.flag(), setting.value.placeholder, std::string(setting.doc),
                   setting.value.form == SettingValue::Form::list});
  for (const ProgramFlag& flag : kProgramFlags)
    out.push_back({"--" + std::string(flag.name), std::string(flag.value), std::string(flag.doc), false});
  return out;
}

bool is_file(const Flag& flag) { return flag.value.starts_with("FILE"); }
bool is_choice(const Flag& flag) { return flag.value.find('|') != std::string::npos; }

std::string words(const Flag& flag) {
  std::string out = flag.value;
  std::replace(out.begin(), out.end(), '|', ' ');
  return out;
}

// ---- bash

constexpr std::string_view kBashBegin = R"(# bash completion for websocket-gateway
_websocket_gateway() {
  local word=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD-1]}
  # bash takes "--engine=re" for three words.
  if [[ $word == = ]]; then
    word=
  elif [[ $flag == = ]]; then
    flag=${COMP_WORDS[COMP_CWORD-2]}
  fi
  COMPREPLY=()
  case $flag in
)";

std::string bash_case(const Flag& flag) {
  if (is_choice(flag))
    return fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$word\")); return ;;\n", flag.name,
                       words(flag));
  if (is_file(flag))
    return fmt::format(
        "    {}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$word\"); return ;;\n",
        flag.name);
  return flag.value.empty() ? "" : fmt::format("    {}) return ;;\n", flag.name);
}

std::string bash_script() {
  std::string out(kBashBegin), names;
  for (const Flag& flag : flags()) {
    out += bash_case(flag);
    names += " " + flag.name;
  }
  return out + fmt::format(
                   "  esac\n  COMPREPLY=($(compgen -W '{}' -- \"$word\"))\n}}\n"
                   "complete -F _websocket_gateway websocket-gateway\n",
                   names.substr(1));
}

// ---- zsh

// In a specification of _arguments, which stands in single quotes.
std::string zsh_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

std::string zsh_specification(const Flag& flag) {
  std::string out = fmt::format("'{}{}{}[{}]", flag.repeatable ? "*" : "", flag.name,
                                flag.value.empty() ? "" : "=", zsh_escaped(flag.doc));
  if (is_choice(flag)) {
    out += fmt::format(":{}:({})", flag.name.substr(2), words(flag));
  } else if (is_file(flag)) {
    out += ":file:_files";
  } else if (!flag.value.empty()) {
    out += fmt::format(":{}: ", zsh_escaped(flag.value));
  }
  return out + "'";
}

std::string zsh_script() {
  std::string out = "#compdef websocket-gateway\n_arguments";
  for (const Flag& flag : flags()) out += " \\\n  " + zsh_specification(flag);
  return out + "\n";
}

}  // namespace

std::optional<std::string> completion_script(std::string_view shell) {
  if (shell == "bash") return bash_script();
  if (shell == "zsh") return zsh_script();
  return std::nullopt;
}

}  // namespace gw
