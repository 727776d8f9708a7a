// Revocations of a gateway that runs alone.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/revocation_store.h"
#include "net/event_loop.h"

namespace gw::memory {

class RevocationStore final : public gw::RevocationStore {
 public:
  RevocationStore(EventLoop& loop, const RevocationStoreOptions& options) : loop_(loop), options_(options) {}

  void put(const Revocation& revocation, Done<void> done) override;
  void find(const std::vector<Digest>& names, Done<RevokedUntil> done) override;

  // Drops those whose time is over.
  void tick(WallTime now);

 private:
  bool has_room(const std::string& tenant) const;

  EventLoop& loop_;
  const RevocationStoreOptions options_;
  std::unordered_map<Digest, Revocation, DigestHash> revocations_;
  std::set<std::pair<WallTime, Digest>> by_end_;
  std::map<std::string, size_t> by_tenant_;  // of those that have one
};

}  // namespace gw::memory
