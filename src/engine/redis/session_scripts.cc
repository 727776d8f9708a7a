// Sessions, and the lists of them: of all and of each tenant by their end and by their making, and of each
// user by their end.
#include "engine/redis/keys.h"
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

const Keys kNames("", "", 0);

// Needs prefix, digest, kept_until, ends_at, made_at, tenant, user, ref.
const std::string kSessions =
    joined(lua_name("session_of", kNames.session(kNameA)), lua_name("sessions", kNames.sessions()),
           lua_name("sessions_made", kNames.sessions_made()),
           lua_name("tenant_sessions", kNames.tenant_sessions(kNameA)),
           lua_name("tenant_sessions_made", kNames.tenant_sessions_made(kNameA)),
           lua_name("user_sessions", kNames.user_sessions(kNameA)),
           lua_name("session_of_ref", kNames.session_of_ref(kNameA)), lua_encode(), R"lua(
-- A list lives as long as the last session of it.
local function live(list)
  redis.call('PEXPIREAT', list, kept_until, redis.call('PTTL', list) < 0 and 'NX' or 'GT')
end
local function keep(list)
  redis.call('ZADD', list, ends_at, digest)
  live(list)
end
-- The score is the place: by the time, and each one's own. It stays when the session changes.
local function place(list)
  if not redis.call('ZSCORE', list, digest) then
    local newest = tonumber(redis.call('ZREVRANGE', list, 0, 0, 'WITHSCORES')[2] or '0')
    redis.call('ZADD', list, string.format('%.0f', math.max(tonumber(made_at), newest + 1)), digest)
  end
  live(list)
end
local function write()
  redis.call('HSET', session, unpack(ARGV, more))
  redis.call('PEXPIREAT', session, kept_until)
  redis.call('SET', session_of_ref(ref), digest)
  redis.call('PEXPIREAT', session_of_ref(ref), kept_until)
  keep(sessions())
  place(sessions_made())
  keep(user_sessions(encode(user)))
  if tenant ~= '' then
    keep(tenant_sessions(tenant))
    place(tenant_sessions_made(tenant))
  end
end
)lua");

}  // namespace

// read_until: those that ended before are not kept. All times in Unix ms; tenant: empty for none. More: the
// session's fields and values. When there are too many, those that ended first go. Answers 0 when the key is
// taken, -1 when its tenant has too many, -2 when there are too many.
const Script insert_session({.keys = {"session"},
                             .arguments = {"prefix", "digest", "kept_until", "ends_at", "made_at", "tenant",
                                           "user", "ref", "now", "most", "tenant_most", "read_until"}},
                            joined("if redis.call('EXISTS', session) == 1 then return 0 end\n", kSessions,
                                   R"lua(
local function drop(other)
  local r = redis.call('HMGET', session_of(other), 'tenant_id', 'user_id', 'session_ref')
  redis.call('DEL', session_of(other))
  redis.call('ZREM', sessions(), other)
  redis.call('ZREM', sessions_made(), other)
  if r[1] and r[1] ~= '' then
    redis.call('ZREM', tenant_sessions(r[1]), other)
    redis.call('ZREM', tenant_sessions_made(r[1]), other)
  end
  if r[2] then redis.call('ZREM', user_sessions(encode(r[2])), other) end
  if r[3] then redis.call('DEL', session_of_ref(r[3])) end
end
local function trim(list, made)
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', list, '-inf', read_until, 'LIMIT', 0, 10)) do
    drop(other)
    redis.call('ZREM', list, other)
    if made then redis.call('ZREM', made, other) end
  end
end
local function has_room(list, made, max)
  trim(list, made)
  local over = math.min(redis.call('ZCARD', list) - max + 1, 10)
  if over <= 0 then return true end
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', list, '-inf', now, 'LIMIT', 0, over)) do
    drop(other)
    redis.call('ZREM', list, other)
    redis.call('ZREM', made, other)
  end
  return redis.call('ZCARD', list) < max
end
if tenant ~= '' and not has_room(tenant_sessions(tenant), tenant_sessions_made(tenant), tonumber(tenant_most)) then return -1 end
if not has_room(sessions(), sessions_made(), tonumber(most)) then return -2 end
trim(user_sessions(encode(user)))
write()
return 1
)lua"));

// made: the list, of all or of a tenant; of_user: those of a user, where one is asked for. tenant, user and
// status: empty for any. From the place `after` on ('': from the newest), of a small list of a user or of
// `looks` of all. More: the fields that are asked for. Answers where to go on ('': the end), then for each
// its digest, values and place.
const Script list_sessions({.keys = {"made", "of_user"},
                            .arguments = {"prefix", "after", "most", "looks", "tenant", "user", "status",
                                          "now"},
                            .without_memory = true},
                           joined(lua_name("session_of", kNames.session(kNameA)), R"lua(
most, looks, now = tonumber(most), tonumber(looks), tonumber(now)
local is_small = user ~= '' and redis.call('ZCARD', of_user) <= looks
local before = after == '' and math.huge or tonumber(after)
local listed = {}
if is_small then
  for _, digest in ipairs(redis.call('ZRANGE', of_user, 0, -1)) do
    local score = redis.call('ZSCORE', made, digest)
    local place = score and tonumber(score)
    if place and place < before then listed[#listed + 1] = {digest, place} end
  end
  table.sort(listed, function(a, b) return a[2] > b[2] end)
else
  local some = redis.call('ZREVRANGEBYSCORE', made, after == '' and '+inf' or '(' .. after, '-inf', 'WITHSCORES', 'LIMIT', 0, looks)
  for at = 1, #some, 2 do listed[#listed + 1] = {some[at], tonumber(some[at + 1])} end
end
local function is_wanted(r)
  local is = r[3]
  if is ~= 'inactive' and now >= tonumber(r[4]) then is = 'expired' end
  return (tenant == '' or r[1] == tenant) and (user == '' or r[2] == user) and (status == '' or is == status)
end
local out, at = {''}, after
local is_whole = is_small or #listed < looks
for _, it in ipairs(listed) do
  if #out > most then is_whole = false break end
  at = string.format('%.0f', it[2])
  local r = redis.call('HMGET', session_of(it[1]), 'tenant_id', 'user_id', 'status', 'expires_at')
  if not r[3] then
    redis.call('ZREM', made, it[1])
  elseif is_wanted(r) then
    out[#out + 1] = {it[1], redis.call('HMGET', session_of(it[1]), unpack(ARGV, more)), at}
  end
end
if not is_whole then out[1] = at end
return out
)lua"));

// revision: that was read. announcement: the Pub/Sub name to say the digest on. More: the session's fields
// and values. Answers 0 when there is another revision by now, -1 when it is gone.
const Script replace_session({.keys = {"session"},
                              .arguments = {"prefix", "digest", "kept_until", "ends_at", "made_at", "tenant",
                                            "user", "ref", "revision", "announcement"}},
                             joined(kSessions, R"lua(
local stored = redis.call('HGET', session, 'revision')
if not stored then return -1 end
if stored ~= revision then return 0 end
write()
redis.call('PUBLISH', announcement, digest)
return 1
)lua"));

}  // namespace gw::redis::scripts
