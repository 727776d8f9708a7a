// Revocations over several partitions: each name has one. Control loop only.
#pragma once

#include "engine/redis/partitioned/questions.h"
#include "engine/redis/partitions.h"

namespace gw::redis::partitioned {

class RevocationStore final : public gw::RevocationStore {
 public:
  // Both outlive it. `sessions`: what was asked of the session store, which is answered first.
  RevocationStore(const Partitions& partitions, Questions& sessions)
      : partitions_(partitions), sessions_(sessions) {}

  void put(const Revocation& revocation, Done<void> done) override;
  void find(const std::vector<Digest>& names, Done<RevokedUntil> done) override;

 private:
  void find_now(const std::vector<Digest>& names, Done<RevokedUntil> done);

  const Partitions& partitions_;
  Questions& sessions_;
};

}  // namespace gw::redis::partitioned
