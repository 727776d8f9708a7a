// Reads the settings again while the gateway runs, and takes all that has changed or nothing of it. Control
// loop only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "config/config.h"
#include "post_office/http_api/api_request.h"

namespace gw {

struct ReloadOutcome {
  std::vector<std::string> changed;   // settings that count from now on
  std::vector<std::string> problems;  // why nothing has been taken; empty: it was
};

class Reload {
 public:
  // Makes a checked configuration count. It differs from the one before in nothing that needs a restart.
  using Take = std::function<void(const Config& next)>;

  // `running` outlives it, and is what take() has been given last.
  Reload(ConfigSources sources, const Config& running, Take take);

  // Logs what became of it.
  ReloadOutcome run();

 private:
  ReloadOutcome attempt();

  ConfigSources sources_;
  const Config& running_;
  const Take take_;
};

// POST /api/admin/reload.
http_api::Handler serve_reload(std::function<ReloadOutcome()> reload);

}  // namespace gw
