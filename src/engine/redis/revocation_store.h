// Revocations over Redis: one key each, gone by itself when its time is over, and lists of them by their end,
// which count them.
#pragma once

#include "core/revocation_store.h"
#include "engine/redis/client.h"
#include "engine/redis/keys.h"

namespace gw::redis {

class RevocationStore final : public gw::RevocationStore {
 public:
  // `commands` is that of the session store.
  RevocationStore(EventLoop& loop, Client& commands, const Keys& keys, const RevocationStoreOptions& options)
      : loop_(loop), commands_(commands), keys_(keys), options_(options) {}

  void put(const Revocation& revocation, Done<void> done) override;
  void find(const std::vector<Digest>& names, Done<RevokedUntil> done) override;

 private:
  EventLoop& loop_;
  Client& commands_;
  const Keys& keys_;
  const RevocationStoreOptions options_;
};

}  // namespace gw::redis
