// What agents get, whether from a client or a realm. Bytes are shared by all who hold it.
#pragma once

#include <memory>
#include <string>

#include "base/time.h"

namespace gw::memory {

struct AgentEntry {
  std::string id;
  std::string tenant_id;
  std::shared_ptr<const std::string> envelope;
};

}  // namespace gw::memory
