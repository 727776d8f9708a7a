// The flags that are no settings. What reads them is flags.cc; --help, the manual page and shells tell of
// them.
#pragma once

#include <array>
#include <string_view>

namespace gw {

struct ProgramFlag {
  std::string_view name;   // without the dashes
  char letter;             // '\0': none
  std::string_view value;  // as SettingValue::placeholder; empty: takes none
  std::string_view doc;
};

inline constexpr std::array kProgramFlags{
    ProgramFlag{"config", '\0', "FILE", "A TOML file with settings; also the variable GATEWAY_CONFIG"},
    ProgramFlag{"print-config", '\0', "",
                "Print the settings in effect and where each comes from, as TOML, and exit"},
    ProgramFlag{"check-config", '\0', "", "Say whether the settings are right, and exit"},
    ProgramFlag{"print-redis-names", '\0', "",
                "Print for each channel which Redis has its names, and what they begin with, and exit"},
    ProgramFlag{"print-sample-config", '\0', "",
                "Print a settings file with every default as a comment, and exit"},
    ProgramFlag{"print-man", '\0', "", "Print the manual page, and exit"},
    ProgramFlag{"print-completion", '\0', "bash|zsh", "Print what completes flags in that shell, and exit"},
    ProgramFlag{"version", 'V', "", "Print the version and the commit it was built from, and exit"},
    ProgramFlag{"help", 'h', "", "Print this and exit"},
};

}  // namespace gw
