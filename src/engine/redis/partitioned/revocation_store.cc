#include "engine/redis/partitioned/revocation_store.h"

#include <map>

#include "base/hex.h"

namespace gw::redis::partitioned {

void RevocationStore::put(const Revocation& revocation, Done<void> done) {
  partitions_.of(to_hex(revocation.name)).revocations().put(revocation, std::move(done));
}

void RevocationStore::find(const std::vector<Digest>& names, Done<RevokedUntil> done) {
  sessions_.after([this, names, done = std::move(done)] { find_now(names, done); });
}

// Whether a token counts is not known before each partition of its names has answered.
void RevocationStore::find_now(const std::vector<Digest>& names, Done<RevokedUntil> done) {
  struct Finding {
    size_t open;
    Result<RevokedUntil> latest;
    Done<RevokedUntil> done;
  };
  std::map<size_t, std::vector<Digest>> by_place;
  for (const Digest& name : names) by_place[partitions_.index_of(to_hex(name))].push_back(name);
  if (by_place.empty()) return done(RevokedUntil());
  const auto finding = std::make_shared<Finding>(Finding{by_place.size(), RevokedUntil(), std::move(done)});
  for (const auto& [place, some] : by_place) {
    partitions_[place].revocations().find(some, [finding](const Result<RevokedUntil>& found) {
      if (!found) {
        finding->latest = found;
      } else if (finding->latest) {
        finding->latest = std::max(*finding->latest, *found);
      }
      if (--finding->open == 0) finding->done(finding->latest);
    });
  }
}

}  // namespace gw::redis::partitioned
