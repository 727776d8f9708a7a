#include "config/manual.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/config_testing.h"
#include "config/program_flags.h"
#include "config/settings.h"

namespace gw {
namespace {

using testing::HasSubstr;

std::string in_troff(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '-' ? std::string("\\-") : std::string(1, c);
  return out;
}

TEST(ManualPage, HasEveryFlagWithItsDefault) {
  const std::string page = printed(with_flags({"--print-man"}));
  for (const Setting& setting : settings())
    EXPECT_THAT(page, HasSubstr("\\fB" + in_troff(setting.flag()) + "\\fR"));
  for (const ProgramFlag& flag : kProgramFlags)
    EXPECT_THAT(page, HasSubstr(in_troff("--" + std::string(flag.name)) + "\\fR"));
  EXPECT_THAT(page, HasSubstr("Default: 64KiB.\n"));
  EXPECT_THAT(page, HasSubstr("Default: nobody.\n"));
  EXPECT_THAT(page, HasSubstr("websocket\\-gateway 1.2.3"));
}

TEST(ManualPage, ALineThatBeginsWithADotIsARequestThatThereIs) {
  const std::string page = manual_page("1");
  for (size_t at = 0; at < page.size(); at = page.find('\n', at) + 1) {
    if (page[at] != '.') continue;
    const std::string request = page.substr(at, page.find_first_of(" \n", at) - at);
    EXPECT_THAT(request, testing::AnyOf(".TH", ".ad", ".SH", ".SS", ".TP", ".PP", ".B", ".BR", ".RB", ".I"));
  }
}

TEST(SampleConfig, IsAllCommentsAndReadsBackToTheDefaultsWithoutThem) {
  const std::string sample = printed(with_flags({"--print-sample-config"}));
  EXPECT_TRUE(problems(with_file(sample)).empty());
  std::string uncommented;
  for (size_t at = 0; at < sample.size();) {
    const std::string line = sample.substr(at, sample.find('\n', at) + 1 - at);
    at += line.size();
    if (line.starts_with("#") && !line.starts_with("# ")) uncommented += line.substr(1);
    EXPECT_TRUE(line.starts_with("#") || line == "\n") << line;
  }
  // The key at the end is an example, with no key's digest.
  uncommented.resize(uncommented.find("[[api_keys]]"));
  const Config config = good(with_file(uncommented));
  for (const Setting& setting : settings()) {
    if (setting.name == "instance-id") continue;  // made when it is empty
    EXPECT_EQ(setting.value.show(config), setting.value.show(Config{})) << setting.name;
    EXPECT_THAT(uncommented, HasSubstr(setting.key() + " = "));
  }
}

}  // namespace
}  // namespace gw
