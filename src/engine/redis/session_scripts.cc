// Sessions, and the lists of them by their end: of all, and of each tenant.
#include "engine/redis/keys.h"
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

const Keys kNames("", "", 0);

// Needs session, sessions, prefix, digest, kept_until, ends_at, tenant.
const std::string kSessions = joined(lua_name("tenant_sessions", kNames.tenant_sessions(kNameA)), R"lua(
local function keep(list)
  redis.call('ZADD', list, ends_at, digest)
  -- A list lives as long as the last session of it.
  redis.call('PEXPIREAT', list, kept_until, redis.call('PTTL', list) < 0 and 'NX' or 'GT')
end
local function write()
  redis.call('HSET', session, unpack(ARGV, more))
  redis.call('PEXPIREAT', session, kept_until)
  keep(sessions)
  if tenant ~= '' then keep(tenant_sessions(tenant)) end
end
)lua");

}  // namespace

// read_until: those that ended before are not kept. All times in Unix ms; tenant: empty for none. More: the
// session's fields and values. When there are too many, those that ended first go. Answers 0 when the key is
// taken, -1 when its tenant has too many, -2 when there are too many.
const Script insert_session({.keys = {"session", "sessions"},
                             .arguments = {"prefix", "digest", "kept_until", "ends_at", "tenant", "now",
                                           "most", "tenant_most", "read_until"}},
                            joined(kSessions, lua_name("session_of", kNames.session(kNameA)), R"lua(
if redis.call('EXISTS', session) == 1 then return 0 end
local function drop(list, other)
  local owner = redis.call('HGET', session_of(other), 'tenant_id')
  redis.call('DEL', session_of(other))
  redis.call('ZREM', list, other)
  redis.call('ZREM', sessions, other)
  if owner and owner ~= '' then redis.call('ZREM', tenant_sessions(owner), other) end
end
local function has_room(list, max)
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', list, '-inf', read_until, 'LIMIT', 0, 10)) do drop(list, other) end
  local over = math.min(redis.call('ZCARD', list) - max + 1, 10)
  if over <= 0 then return true end
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', list, '-inf', now, 'LIMIT', 0, over)) do drop(list, other) end
  return redis.call('ZCARD', list) < max
end
if tenant ~= '' and not has_room(tenant_sessions(tenant), tonumber(tenant_most)) then return -1 end
if not has_room(sessions, tonumber(most)) then return -2 end
write()
return 1
)lua"));

// revision: that was read. announcement: the Pub/Sub name to say the digest on. More: the session's fields
// and values. Answers 0 when there is another revision by now, -1 when it is gone.
const Script replace_session({.keys = {"session", "sessions"},
                              .arguments = {"prefix", "digest", "kept_until", "ends_at", "tenant", "revision",
                                            "announcement"}},
                             joined(kSessions, R"lua(
local stored = redis.call('HGET', session, 'revision')
if not stored then return -1 end
if stored ~= revision then return 0 end
write()
redis.call('PUBLISH', announcement, digest)
return 1
)lua"));

}  // namespace gw::redis::scripts
