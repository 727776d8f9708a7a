#include "engine/redis/partitioned/client_delivery.h"

namespace gw::redis::partitioned {

void ClientDelivery::attach(Local local) {
  // The instance works while one partition does.
  local.engine_lost = [this, lost = std::move(local.engine_lost)] {
    if (!partitions_.any_is_connected()) lost();
  };
  for (const auto& partition : partitions_) partition->clients().attach(local);
}

}  // namespace gw::redis::partitioned
