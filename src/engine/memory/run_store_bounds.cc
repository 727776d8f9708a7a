// Within what bounds a store takes runs and bytes, and what makes room for them.
#include <algorithm>

#include "engine/memory/run_store.h"

namespace gw::memory {

RunStore::Joining RunStore::joining(const RunAudience& audience, const std::string& asked_by,
                                    const std::string& realm) {
  return {account_of(audience, asked_by), audience.kind == RunAudience::Kind::anonymous, realm};
}

std::vector<RunBound> RunStore::bounds_of(const Joining& owners) {
  return bounds_of(RunOwners{users_.find(owners.user), realms_.find(owners.realm), owners.is_strangers},
                   !owners.is_kept);
}

std::vector<RunBound> RunStore::bounds_of(const RunOwners& owners, bool of_all) {
  constexpr size_t kKept = RunLimits::kKeptPerOpen;
  const RunLimits& limits = options_.limits;
  std::vector<RunBound> bounds;
  if (owners.user)
    bounds.push_back({owners.user, limits.open_runs_per_user, limits.kept_runs_per_user, limits.user_bytes,
                      RunErrc::too_many_runs, "the user has"});
  const RunBound realm{owners.realm,       limits.open_runs_per_realm,  kKept * limits.open_runs_per_realm,
                       limits.realm_bytes, RunErrc::resource_exhausted, "the realm has"};
  if (owners.is_strangers) {
    bounds.push_back(realm);
    bounds.back().account = &strangers_;
    bounds.back().whose = "all clients without a session together have";
  }
  if (owners.realm) bounds.push_back(realm);
  if (of_all)
    bounds.push_back({&instance_, limits.open_runs, kKept * limits.open_runs, limits.store_bytes,
                      RunErrc::resource_exhausted, "the gateway has"});
  return bounds;
}

namespace {

RunRefusal refuse(const RunBound& bound, const char* what) {
  RunRefusal refusal;
  refusal.code = bound.refusal;
  refusal.detail = std::string(bound.whose) + " all the " + what + " that may be";
  return refusal;
}

}  // namespace

std::optional<RunRefusal> RunStore::refuse_open(const Joining& owners) {
  for (const RunBound& bound : bounds_of(owners)) {
    if (bound.account->open >= bound.open) return refuse(bound, "open runs");
  }
  return {};
}

// Looks anew after each that goes: its readers hear of it and may call the store.
std::optional<RunRefusal> RunStore::make_place(const Joining& owners) {
  for (;;) {
    const std::vector<RunBound> bounds = bounds_of(owners);
    const auto full = std::find_if(bounds.begin(), bounds.end(),
                                   [](const RunBound& bound) { return bound.account->kept >= bound.kept; });
    if (full == bounds.end()) return {};
    if (full->account->over.empty()) return refuse(*full, "runs, none of them over,");
    drop(look_up(full->account->over.begin()->second->run.record.run_id));
  }
}

std::optional<RunRefusal> RunStore::make_room(const std::vector<RunBound>& bounds, size_t bytes) {
  for (const RunBound& bound : bounds) {
    if (!make_room(*bound.account, bytes, bound.bytes)) return refuse(bound, "bytes");
  }
  return {};
}

bool RunStore::make_room(RunAccount& account, size_t bytes, size_t bytes_max) {
  if (bytes > bytes_max) return false;
  while (account.bytes + bytes > bytes_max) {
    if (account.with_bytes.empty()) return false;
    expire(*account.with_bytes.begin()->second);
  }
  return true;
}

void RunStore::expire(KeptRun& kept) {
  run::expire(kept.run);
  for_each_account(kept, [&](RunAccount& account) { account.with_bytes.erase(kept.ended_number); });
  count(kept);
}

}  // namespace gw::memory
