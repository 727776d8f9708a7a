#include "engine/redis/revocation_store.h"

#include <algorithm>
#include <charconv>

#include "base/hex.h"
#include "engine/redis/scripts.h"
#include "engine/redis/words.h"

namespace gw::redis {
namespace {

std::string milliseconds(WallTime time) { return std::to_string(time.time_since_epoch().count()); }

WallTime parse_milliseconds(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return WallTime(std::chrono::milliseconds(value));
}

}  // namespace

void RevocationStore::put(const Revocation& revocation, Done<void> done) {
  const std::string digest = to_hex(revocation.name);
  run_script(commands_, scripts::put_revocation,
             {{"revoked", keys_.revoked(digest)},
              {"list", keys_.revocations()},
              {"tenant_list", keys_.tenant_revocations(revocation.tenant_id)},
              {"digest", digest},
              {"tenant", revocation.tenant_id},
              {"issued_until", milliseconds(revocation.issued_until)},
              {"kept_until", milliseconds(revocation.kept_until)},
              {"now", milliseconds(loop_.wall_now())},
              {"most", std::to_string(options_.revocations_max)}},
             [done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               if (reply->integer() == 1) return done({});
               done(Error{Errc::resource_exhausted, "there are too many revocations (max-revocations)"});
             });
}

void RevocationStore::find(const std::vector<Digest>& names, Done<RevokedUntil> done) {
  Words words;
  words.lend("MGET");
  for (const Digest& name : names) words.keep(keys_.revoked(to_hex(name)));
  commands_.command(words.all(), [done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    RevokedUntil latest{};
    for (size_t i = 0; i < reply->size(); ++i)
      latest = std::max(latest, parse_milliseconds((*reply)[i].text()));
    done(latest);
  });
}

}  // namespace gw::redis
