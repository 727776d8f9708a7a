#include "config/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_testing.h"
#include "config/settings.h"

namespace gw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Completion, EachShellKnowsEverySetting) {
  for (const char* shell : {"bash", "zsh"}) {
    const std::string script = printed(with_flags({"--print-completion", shell}));
    for (const Setting& setting : settings()) EXPECT_THAT(script, HasSubstr(setting.flag())) << shell;
  }
}

TEST(Completion, WordsToChooseFromAreOffered) {
  EXPECT_THAT(*completion_script("bash"),
              HasSubstr("--log-level) COMPREPLY=($(compgen -W 'debug info warn error' "));
  EXPECT_THAT(*completion_script("zsh"), HasSubstr(":log-level:(debug info warn error)'"));
}

TEST(Completion, AnotherShellIsRefused) {
  EXPECT_FALSE(completion_script("fish"));
  EXPECT_THAT(problems(with_flags({"--print-completion", "fish"})),
              ElementsAre("flag --print-completion: \"fish\": expected bash or zsh"));
}

}  // namespace
}  // namespace gw
