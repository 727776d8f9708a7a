// Reads the settings, then runs the application until it ends.
#include <cstdio>

#include "app/application.h"
#include "app/commit.h"
#include "base/overload.h"
#include "config/config.h"

namespace gw {
namespace {

constexpr int kExitWrongSettings = 2;

int start(int argc, char** argv) {
  const ConfigSources sources = ConfigSources::of_process(argc, argv, GW_VERSION, kCommit);
  return std::visit(Overload{
                        [&](const Config& config) { return run_gateway(config, sources); },
                        [](const PrintAndExit& print) {
                          std::fputs(print.text.c_str(), stdout);
                          return 0;
                        },
                        [](const ConfigProblems& problems) {
                          for (const std::string& line : problems.lines)
                            std::fprintf(stderr, "%s\n", line.c_str());
                          return kExitWrongSettings;
                        },
                    },
                    load_config(sources));
}

}  // namespace
}  // namespace gw

int main(int argc, char** argv) { return gw::start(argc, argv); }
