#include <CLI/CLI.hpp>

#include <algorithm>

#include "config/program_flags.h"
#include "config/settings.h"
#include "config/sources.h"
#include "config/values.h"

namespace gw {
namespace {

const Vocabulary& vocabulary() {
  static const Vocabulary words = [] {
    Vocabulary made{flag_of, {}};
    for (const ProgramFlag& flag : kProgramFlags) made.besides.emplace_back(flag.name);
    return made;
  }();
  return words;
}

std::string name_of(const std::string& argument) { return argument.substr(2, argument.find('=') - 2); }

// CLI11 takes the argument after "--name=" for its value.
std::vector<std::string> without_empty_values(std::vector<std::string> arguments,
                                              std::vector<std::string>& problems) {
  const auto is_empty = [](const std::string& argument) {
    return argument.starts_with("--") && argument.size() > 3 && argument.find('=') == argument.size() - 1;
  };
  for (const std::string& argument : arguments) {
    if (is_empty(argument))
      problems.push_back("flag " + plain_or_quoted("--" + name_of(argument)) + ": has no value");
  }
  std::erase_if(arguments, is_empty);
  return arguments;
}

// What belongs to no flag. The word after an unknown flag is most likely its value, and may be a secret.
void report_extras(const std::vector<std::string>& extras, std::vector<std::string>& problems) {
  bool after_unknown_flag = false;
  for (const std::string& extra : extras) {
    const bool is_flag = extra.starts_with("-") && extra.size() > 1 && extra != "--";
    if (is_flag) {
      const std::string name = extra.starts_with("--") ? name_of(extra) : extra.substr(1, 1);
      const std::string shown = plain_or_quoted((extra.starts_with("--") ? "--" : "-") + name);
      problems.push_back(unknown_setting(name, "flag " + shown, vocabulary()));
    } else if (!after_unknown_flag) {
      problems.push_back("argument " + quote(extra) + ": belongs to no flag");
    }
    after_unknown_flag = is_flag && extra.find('=') == std::string::npos;
  }
}

void add_settings(CLI::App& app) {
  for (const Setting& setting : settings()) {
    CLI::Option* option =
        app.add_option(setting.flag())->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    if (setting.value.bare_flag) option->expected(0, 1)->default_str("on");
  }
}

// For a setting that is not a list the last one counts, so that a script can add flags to a given line.
void collect(const CLI::App& app, Flags& flags) {
  for (const Setting& setting : settings()) {
    std::vector<std::string> texts = app.get_option(setting.flag())->results();
    if (texts.empty()) continue;
    if (setting.value.form != SettingValue::Form::list) texts.erase(texts.begin(), texts.end() - 1);
    flags.settings[std::string(setting.name)] = {std::move(texts), "flag " + setting.flag()};
  }
}

}  // namespace

Flags read_flags(const std::vector<std::string>& arguments, std::vector<std::string>& problems) {
  Flags flags;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  add_settings(app);
  const CLI::Option* config =
      app.add_option("--config")->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  const CLI::Option* help = app.add_flag("--help,-h");
  const CLI::Option* version = app.add_flag("--version,-V");
  const CLI::Option* print_config = app.add_flag("--print-config");
  const CLI::Option* check_config = app.add_flag("--check-config");
  const CLI::Option* redis_names = app.add_flag("--print-redis-names");
  const CLI::Option* markdown = app.add_flag("--print-settings-markdown");
  const CLI::Option* sample = app.add_flag("--print-sample-config");
  const CLI::Option* man = app.add_flag("--print-man");
  const CLI::Option* completion =
      app.add_option("--print-completion")->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);

  const std::vector<std::string> accepted = without_empty_values(arguments, problems);
  try {
    app.parse(std::vector<std::string>(accepted.rbegin(), accepted.rend()));  // CLI11 reads from the back
  } catch (const CLI::ParseError&) {
    // Only a flag that is last and lacks its value ends here; what came before it has been collected.
    problems.push_back("flag " + accepted.back() + ": has no value");
  }
  collect(app, flags);
  report_extras(app.remaining(), problems);
  if (config->count() > 0) flags.config_file = config->results().back();
  flags.help = help->count() > 0;
  flags.version = version->count() > 0;
  flags.print_config = print_config->count() > 0;
  flags.check_config = check_config->count() > 0;
  flags.print_redis_names = redis_names->count() > 0;
  flags.print_settings_markdown = markdown->count() > 0;
  flags.print_sample_config = sample->count() > 0;
  flags.print_man = man->count() > 0;
  if (completion->count() > 0) flags.print_completion = completion->results().back();
  return flags;
}

}  // namespace gw
