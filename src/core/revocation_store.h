// Interface: what counts no more of tokens that others made. Control loop only.
#pragma once

#include <string>
#include <vector>

#include "base/digest.h"
#include "base/time.h"
#include "core/done.h"

namespace gw {

struct RevocationStoreOptions {
  // Of all together. Those that are of a tenant hold no more than they leave for others.
  size_t revocations_max = 1'000'000;
};

struct Revocation {
  Digest name{};          // of what is revoked: a token, a user
  std::string tenant_id;  // for which it counts; empty: for none
  WallTime issued_until;  // tokens that were issued until then count no more
  WallTime kept_until;
};

// No token with that name that was issued until then counts. The beginning of time: any does.
using RevokedUntil = WallTime;

class RevocationStore {
 public:
  virtual ~RevocationStore() = default;
  // Together with one of that name that is there, of which nothing is taken back. resource_exhausted: full.
  virtual void put(const Revocation& revocation, Done<void> done) = 0;
  // Of all of these names the latest. What was asked of the session store before is answered before, and was
  // so before.
  virtual void find(const std::vector<Digest>& names, Done<RevokedUntil> done) = 0;
};

}  // namespace gw
