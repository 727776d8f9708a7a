// Connections' records and their places in the indexes, always changed together.
#include "engine/redis/connection_record.h"
#include "engine/redis/keys.h"
#include "engine/redis/presence_lua.h"
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

const Keys kNames("", "", 0);

// Needs prefix, users.
const std::string kRecords = joined(lua_name("connection", kNames.connection(kNameA)),
                                    lua_name("user_connections", kNames.user_connections(kNameA)),
                                    lua_name("owner_connections", kNames.owner_connections(kNameA, kNameB)),
                                    lua_name("session_connections", kNames.session_connections(kNameA)),
                                    lua_name("tenant_connections", kNames.tenant_connections(kNameA)),
                                    lua_name("channel_connections", kNames.channel_connections(kNameA)),
                                    lua_name("all_connections", kNames.connections()),
                                    lua_name("listed_connections", kNames.listed_connections(kNameA)),
                                    lua_name("gateway_connections", kNames.gateway_connections(kNameA)),
                                    ConnectionRecords::lua(), lua_encode(),
                                    R"lua(
-- Answers on which instance it was.
local function unlink(id)
  local r = redis.call('HMGET', connection(id), 'user_id', 'session_ref', 'tenant_id', 'channels', 'gateway_instance_id')
  local user, ref, tenant, channels, instance = r[1] or '', r[2] or '', r[3] or '', r[4] or '', r[5]
  if not instance then return nil end
  if user ~= '' then
    local of_user = user_connections(encode(user))
    redis.call('SREM', of_user, id)
    if redis.call('EXISTS', of_user) == 0 then redis.call('SREM', users, user) end
    redis.call('SREM', owner_connections(tenant, encode(user)), id)
  end
  if ref ~= '' then redis.call('SREM', session_connections(ref), id) end
  if tenant ~= '' then
    redis.call('SREM', tenant_connections(tenant), id)
    redis.call('ZREM', listed_connections(tenant), id)
  end
  redis.call('ZREM', all_connections(), id)
  for channel in string.gmatch(channels, '%S+') do redis.call('SREM', channel_connections(channel), id) end
  redis.call('SREM', gateway_connections(instance), id)
  redis.call('DEL', connection(id))
  return instance
end
-- new: what fields_at(at) answered.
local function link(new, at)
  local id, user, ref, tenant = new.connection_id, new.user_id, new.session_ref, new.tenant_id
  store(connection(id), at)
  redis.call('EXPIRE', connection(id), 3600)
  if user ~= '' then
    redis.call('SADD', user_connections(encode(user)), id)
    redis.call('SADD', owner_connections(tenant, encode(user)), id)
    redis.call('SADD', users, user)
  end
  if ref ~= '' then redis.call('SADD', session_connections(ref), id) end
  if tenant ~= '' then
    redis.call('SADD', tenant_connections(tenant), id)
    redis.call('ZADD', listed_connections(tenant), 0, id)
  end
  redis.call('ZADD', all_connections(), 0, id)
  for channel in string.gmatch(new.channels, '%S+') do redis.call('SADD', channel_connections(channel), id) end
  redis.call('SADD', gateway_connections(new.gateway_instance_id), id)
end
)lua");

// Needs events.
constexpr const char* kTell = R"lua(
local function tell(event, id, reason, now)
  redis.call('PUBLISH', events, cjson.encode({
    event = event, connection_id = id, reason = reason, timestamp = now}))
end
)lua";

// Needs prefix, live_ms: what the lease of an instance that is routed to has left.
const std::string kLives = joined(lua_name("lease", kNames.lease(kNameA)), R"lua(
-- Asked once a script.
local known = {}
local function lives(instance)
  if known[instance] == nil then
    known[instance] = redis.call('PTTL', lease(instance)) > tonumber(live_ms)
  end
  return known[instance]
end
)lua");

}  // namespace

// At the limit of its user in its tenant another gives way. Those of other instances are listed for them, and
// told. is_open: '1' of one that is connected already. More: the connection's fields. Answers {1, id and code
// of those of this instance}, or {0}: there was no room.
const Script add({.keys = {"users"},
                  .arguments = {"prefix", "events", "gateway_channels", "limit", "live_ms", "now_ms",
                                "patience_ms", "replaced", "replaced_reason", "stale", "stale_reason",
                                "is_open"}},
                 joined(kRecords, kTell, kLives, lua_name("evicted", kNames.evicted(kNameA)), R"lua(
local new = fields_at(more)
local me, user, now = new.gateway_instance_id, new.user_id, new.last_activity
local out, own = {1}, owner_connections(new.tenant_id, encode(user))
known[me] = true
limit = tonumber(limit)
local function evict(it)
  local code, reason, event = stale, stale_reason, 'connection_evicted'
  if it.rank == 1 then code, reason, event = replaced, replaced_reason, 'connection_closed' end
  unlink(it.id)
  tell(event, it.id, reason, now)
  if it.instance == me then
    out[#out + 1] = it.id
    out[#out + 1] = code
  else
    redis.call('HSET', evicted(it.instance), it.id, code)
    redis.call('EXPIRE', evicted(it.instance), 3600)
    redis.call('PUBLISH', gateway_channels .. it.instance, '{"evicted":true}')
  end
end
if limit > 0 and user ~= '' and redis.call('SCARD', own) >= limit then
  local held, yielding = 0, {}
  for _, id in ipairs(redis.call('SMEMBERS', own)) do
    local r = redis.call('HMGET', connection(id), 'gateway_instance_id', 'session_ref', 'client_id', 'pong_owed_since', 'connected_at')
    if not r[1] then
      redis.call('SREM', own, id)
    else
      held = held + 1
      local owed, rank = tonumber(r[4] or ''), nil
      if new.client_id ~= '' and r[3] == new.client_id and r[2] == new.session_ref then rank = 1
      elseif not lives(r[1]) then rank = 2
      elseif owed and tonumber(now_ms) - owed > tonumber(patience_ms) then rank = 3 end
      if rank then yielding[#yielding + 1] = {rank = rank, id = id, instance = r[1], since = r[5] or ''} end
    end
  end
  if held - #yielding >= limit then return {0} end
  table.sort(yielding, function(a, b)
    if a.rank ~= b.rank then return a.rank < b.rank end
    return a.since < b.since
  end)
  for i = 1, held - limit + 1 do evict(yielding[i]) end
end
-- One that had no session may be there.
local was_there = unlink(new.connection_id)
link(new, more)
if not was_there and is_open == '' then tell('connection_opened', new.connection_id, 'admitted', now) end
return out
)lua"));

// More: the fields of each connection.
const Script put({.keys = {"users"}, .arguments = {"prefix"}}, joined(kRecords, R"lua(
for at = more, #ARGV, field_count do
  local new = fields_at(at)
  unlink(new.connection_id)
  link(new, at)
end
return 1
)lua"));

// More: for each connection its id, and the fields that change.
const Script update({.keys = {"users"}, .arguments = {"prefix", "me"}}, joined(kRecords, R"lua(
for at = more, #ARGV, 1 + change_count do
  local id, new = ARGV[at], changes_at(at + 1)
  local old = redis.call('HMGET', connection(id), 'gateway_instance_id', 'channels')
  if old[1] == me then
    if old[2] ~= new.channels then
      local now = {}
      for channel in string.gmatch(new.channels, '%S+') do now[channel] = true end
      for channel in string.gmatch(old[2] or '', '%S+') do
        if not now[channel] then redis.call('SREM', channel_connections(channel), id) end
      end
      for channel in pairs(now) do redis.call('SADD', channel_connections(channel), id) end
    end
    store_changes(connection(id), at + 1)
    redis.call('EXPIRE', connection(id), 3600)
  end
end
return 1
)lua"));

// More: for each connection its id, event (empty: it goes on elsewhere) and reason.
const Script remove({.keys = {"users"},
                     .arguments = {"prefix", "events", "me", "now"},
                     .without_memory = true},
                    joined(kRecords, kTell, R"lua(
for at = more, #ARGV, 3 do
  if redis.call('HGET', connection(ARGV[at]), 'gateway_instance_id') == me then
    unlink(ARGV[at])
    if ARGV[at + 1] ~= '' then tell(ARGV[at + 1], ARGV[at], ARGV[at + 2], now) end
  end
end
return 1
)lua"));

// lease, evicted, connections, present: of the dead instance. One instance at a time removes something, so
// that many deaths at once take no more of Redis than one. Answers how many it removed; -1: that one lives,
// or another one is at it.
const Script reap({.keys = {"users", "gateways", "lease", "reaper", "evicted", "connections", "present"},
                   .arguments = {"prefix", "pubsub_prefix", "events", "dead", "me", "now", "now_ms", "most",
                                 "members_max"},
                   .without_memory = true},
                  joined(kRecords, kTell, presence_lua(), R"lua(
if redis.call('EXISTS', lease) == 1 then return -1 end
local owner = redis.call('GET', reaper)
if owner and owner ~= me then return -1 end
redis.call('SET', reaper, me, 'PX', 5000)
local ids = redis.call('SRANDMEMBER', connections, most)
for _, id in ipairs(ids) do
  if unlink(id) then
    tell('connection_closed', id, 'instance lost', now)
  else
    redis.call('SREM', connections, id)
    redis.call('ZREM', all_connections(), id)
  end
end
local members = redis.call('SRANDMEMBER', present, most)
for _, member in ipairs(members) do forget(member, dead) end
if redis.call('EXISTS', connections, present) == 0 then
  redis.call('SREM', gateways, dead)
  redis.call('DEL', reaper, evicted)
end
return #ids + #members
)lua"));

// index: from the cursor on, so many at a time; empty: the one connection that `cursor` names. More: the
// fields that are asked for. Answers the next cursor, then the values of each; none of one that is gone.
const Script read({.arguments = {"prefix", "index", "cursor", "most"}},
                  joined(lua_name("connection", kNames.connection(kNameA)), R"lua(
local rest, ids = '0', {cursor}
if index ~= '' then
  local page = redis.call('SSCAN', index, cursor, 'COUNT', most)
  rest, ids = page[1], page[2]
end
local out = {rest}
for _, id in ipairs(ids) do out[#out + 1] = redis.call('HMGET', connection(id), unpack(ARGV, more)) end
return out
)lua"));

// listed: all there may be, by id; index: a set that holds all that are wanted, or empty. tenant, user, ref,
// instance and channel: empty for any. From `after` on, by id: of a small index, or of `looks` of what is
// listed. More: the fields that are asked for. Answers where to go on ('': the end), then the values of each.
const Script list({.keys = {"listed"},
                   .arguments = {"prefix", "index", "after", "most", "looks", "tenant", "user", "ref",
                                 "instance", "channel"},
                   .without_memory = true},
                  joined(lua_name("connection", kNames.connection(kNameA)), R"lua(
most, looks = tonumber(most), tonumber(looks)
local ids
local is_small = index ~= '' and redis.call('SCARD', index) <= looks
if is_small then
  ids = redis.call('SMEMBERS', index)
  table.sort(ids)
else
  ids = redis.call('ZRANGEBYLEX', listed, after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, looks)
end
local function is_wanted(r)
  return (tenant == '' or r[1] == tenant) and (user == '' or r[2] == user) and (ref == '' or r[3] == ref)
    and (instance == '' or r[4] == instance)
    and (channel == '' or string.find(' ' .. (r[5] or '') .. ' ', ' ' .. channel .. ' ', 1, true) ~= nil)
end
local out, at = {''}, after
local is_whole = is_small or #ids < looks
for _, id in ipairs(ids) do
  if id > after then
    if #out > most then is_whole = false break end
    at = id
    local r = redis.call('HMGET', connection(id), 'tenant_id', 'user_id', 'session_ref', 'gateway_instance_id', 'channels')
    if not r[4] then
      -- Its record has ended by itself.
      redis.call('ZREM', listed, id)
    elseif is_wanted(r) then
      out[#out + 1] = redis.call('HMGET', connection(id), unpack(ARGV, more))
    end
  end
end
if not is_whole then out[1] = at end
return out
)lua"));

// code: what to close with. More: ids of connections, which have to close. Their instances are told. Answers
// how many there are.
const Script disconnect({.arguments = {"prefix", "gateway_channels", "code"}},
                        joined(lua_name("connection", kNames.connection(kNameA)),
                               lua_name("evicted", kNames.evicted(kNameA)), R"lua(
local told, instances = 0, {}
for at = more, #ARGV do
  local instance = redis.call('HGET', connection(ARGV[at]), 'gateway_instance_id')
  if instance then
    redis.call('HSET', evicted(instance), ARGV[at], code)
    instances[instance] = true
    told = told + 1
  end
end
for instance in pairs(instances) do
  redis.call('EXPIRE', evicted(instance), 3600)
  redis.call('PUBLISH', gateway_channels .. instance, '{"evicted":true}')
end
return told
)lua"));

// tenant: empty for all. with_users: '1'. More: channels. All of one moment, and without the connections of
// instances that are gone. Answers the channels' counts; instance and count for each that lives; user and
// count.
const Script count({.keys = {"users", "gateways"},
                    .arguments = {"prefix", "live_ms", "tenant", "with_users"}},
                   joined(kRecords, kLives, R"lua(
local channels, of_gateway, of_user = {}, {}, {}
local function flat(counts)
  local out = {}
  for name, connections in pairs(counts) do
    out[#out + 1] = name
    out[#out + 1] = connections
  end
  return out
end
if tenant ~= '' then
  local at = {}
  for i = more, #ARGV do
    at[ARGV[i]] = i - more + 1
    channels[i - more + 1] = 0
  end
  for _, id in ipairs(redis.call('SMEMBERS', tenant_connections(tenant))) do
    local r = redis.call('HMGET', connection(id), 'gateway_instance_id', 'user_id', 'channels')
    if r[1] and lives(r[1]) then
      of_gateway[r[1]] = (of_gateway[r[1]] or 0) + 1
      if with_users == '1' then of_user[r[2]] = (of_user[r[2]] or 0) + 1 end
      for name in string.gmatch(r[3], '%S+') do
        if at[name] then channels[at[name]] = channels[at[name]] + 1 end
      end
    end
  end
  return {channels, flat(of_gateway), flat(of_user)}
end
for i = more, #ARGV do channels[i - more + 1] = redis.call('SCARD', channel_connections(ARGV[i])) end
local lost = {}
for _, instance in ipairs(redis.call('SMEMBERS', gateways)) do
  local own = gateway_connections(instance)
  if lives(instance) then
    of_gateway[instance] = redis.call('SCARD', own)
  else
    for i = more, #ARGV do
      channels[i - more + 1] = channels[i - more + 1] - redis.call('SINTERCARD', 2, own, channel_connections(ARGV[i]))
    end
    if with_users == '1' then
      for _, id in ipairs(redis.call('SMEMBERS', own)) do
        local user = redis.call('HGET', connection(id), 'user_id')
        if user then lost[user] = (lost[user] or 0) + 1 end
      end
    end
  end
end
if with_users == '1' then
  for _, user in ipairs(redis.call('SMEMBERS', users)) do
    local connections = redis.call('SCARD', user_connections(encode(user))) - (lost[user] or 0)
    if connections > 0 then of_user[user] = connections end
  end
end
return {channels, flat(of_gateway), flat(of_user)}
)lua"));

}  // namespace gw::redis::scripts
