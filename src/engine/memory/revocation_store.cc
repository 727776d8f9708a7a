#include "engine/memory/revocation_store.h"

#include <algorithm>

namespace gw::memory {
namespace {

constexpr int kDropsPerTickMax = 10'000;

}  // namespace

void RevocationStore::put(const Revocation& revocation, Done<void> done) {
  tick(loop_.wall_now());
  const bool is_new = !revocations_.contains(revocation.name);
  if (is_new && !has_room(revocation.tenant_id))
    return done(Error{Errc::resource_exhausted, "there are too many revocations (max-revocations)"});
  if (is_new && !revocation.tenant_id.empty()) ++by_tenant_[revocation.tenant_id];
  Revocation& stored = revocations_.try_emplace(revocation.name, revocation).first->second;
  by_end_.erase({stored.kept_until, stored.name});
  stored.issued_until = std::max(stored.issued_until, revocation.issued_until);
  stored.kept_until = std::max(stored.kept_until, revocation.kept_until);
  by_end_.emplace(stored.kept_until, stored.name);
  done({});
}

bool RevocationStore::has_room(const std::string& tenant) const {
  if (revocations_.size() >= options_.revocations_max) return false;
  const auto held = by_tenant_.find(tenant);
  return held == by_tenant_.end() || held->second < options_.revocations_max - revocations_.size();
}

void RevocationStore::find(const std::vector<Digest>& names, Done<RevokedUntil> done) {
  RevokedUntil latest{};
  for (const Digest& name : names) {
    const auto found = revocations_.find(name);
    if (found == revocations_.end() || found->second.kept_until <= loop_.wall_now()) continue;
    latest = std::max(latest, found->second.issued_until);
  }
  done(latest);
}

void RevocationStore::tick(WallTime now) {
  for (int i = 0; i < kDropsPerTickMax && !by_end_.empty(); ++i) {
    const auto [end, name] = *by_end_.begin();
    if (end > now) return;
    by_end_.erase(by_end_.begin());
    const auto it = revocations_.find(name);
    const auto of_tenant = by_tenant_.find(it->second.tenant_id);
    if (of_tenant != by_tenant_.end() && --of_tenant->second == 0) by_tenant_.erase(of_tenant);
    revocations_.erase(it);
  }
}

}  // namespace gw::memory
