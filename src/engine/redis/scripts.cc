#include "engine/redis/scripts.h"

#include "base/digest.h"
#include "base/hex.h"

namespace gw::redis {

Script::Script(std::string_view text) : source(text), sha1(sha1_hex(text)) {}

void run_script(Client& connection, const Script& script, std::vector<std::string_view> arguments,
                OnReply done) {
  arguments.insert(arguments.begin(), {"EVALSHA", script.sha1, "0"});
  connection.command(arguments, std::move(done));
}

void load_scripts(Client& connection) {
  using namespace scripts;
  for (const Script* script :
       {&submit,     &publish,   &unpark,       &add,     &put,   &update,         &remove,
        &lease,      &leave,     &reap,         &read,    &count, &insert_session, &replace_session,
        &join_inbox, &open_feed, &confirm_feed, &release, &claim, &tidy_inbox}) {
    connection.command({"SCRIPT", "LOAD", script->source}, {});
  }
}

namespace scripts {
namespace {

// A connection's record and its places in the indexes, always changed together. These scripts get the prefix
// of Pub/Sub names; that of keys is what stands before its '@'.
constexpr const char* kRecords = R"lua(
local prefix = string.match(ARGV[1], '^[^@]*')
local function record(id) return prefix .. 'connection:' .. id end
local function index(kind, name) return prefix .. kind .. ':' .. name .. ':connections' end
-- A user id as a part of a name (base/user_id.h).
local function encode(user)
  return (string.gsub(user, '[^A-Za-z0-9._@+=-]', function(c) return string.format('%%%02X', string.byte(c)) end))
end
local function of_user(user) return index('user', encode(user)) end
-- Of one user of one tenant ('': none).
local function owner(tenant, user) return index('tenant', tenant .. ':user:' .. encode(user)) end
local function tell(event, id, reason, now)
  redis.call('PUBLISH', ARGV[1] .. 'events', cjson.encode({
    event = event, connection_id = id, reason = reason, timestamp = now}))
end
-- Whether it is routed to: its lease is not older than the soft end. Asked once a script.
local known = {}
local function lives(instance, time, soft)
  if known[instance] == nil then
    known[instance] = redis.call('PTTL', prefix .. 'gateway:' .. instance .. ':lease') > tonumber(time) - tonumber(soft)
  end
  return known[instance]
end
local function unlink(id)
  local r = redis.call('HMGET', record(id), 'user_id', 'session_ref', 'tenant_id', 'channels', 'gateway_instance_id')
  if not r[5] then return nil end
  if r[1] and r[1] ~= '' then
    redis.call('SREM', of_user(r[1]), id)
    if redis.call('EXISTS', of_user(r[1])) == 0 then redis.call('SREM', prefix .. 'users', r[1]) end
    redis.call('SREM', owner(r[3] or '', r[1]), id)
  end
  if r[2] and r[2] ~= '' then redis.call('SREM', index('session', r[2]), id) end
  if r[3] and r[3] ~= '' then redis.call('SREM', index('tenant', r[3]), id) end
  for channel in string.gmatch(r[4] or '', '%S+') do redis.call('SREM', index('channel', channel), id) end
  redis.call('SREM', index('gateway', r[5]), id)
  redis.call('DEL', record(id))
  return r[5]
end
-- at: the first of a connection's 13 arguments.
local function link(at)
  local id, user, ref, tenant, channels, instance = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  redis.call('HSET', record(id), 'connection_id', id, 'user_id', user, 'session_ref', ref, 'tenant_id', tenant,
    'channels', channels, 'gateway_instance_id', instance, 'channel', ARGV[at + 6], 'connected_at', ARGV[at + 7],
    'last_activity', ARGV[at + 8], 'last_heartbeat', ARGV[at + 9], 'metadata', ARGV[at + 10],
    'client_id', ARGV[at + 11], 'pong_owed_since', ARGV[at + 12])
  redis.call('EXPIRE', record(id), 3600)
  if user ~= '' then
    redis.call('SADD', of_user(user), id)
    redis.call('SADD', owner(tenant, user), id)
    redis.call('SADD', prefix .. 'users', user)
  end
  if ref ~= '' then redis.call('SADD', index('session', ref), id) end
  if tenant ~= '' then redis.call('SADD', index('tenant', tenant), id) end
  for channel in string.gmatch(channels, '%S+') do redis.call('SADD', index('channel', channel), id) end
  redis.call('SADD', index('gateway', instance), id)
end
)lua";

std::string with_records(const char* text) { return std::string(kRecords) + text; }

// Sessions, and the lists of them by their end: of all, and of each tenant.
constexpr const char* kSessions = R"lua(
local function key(digest) return ARGV[1] .. 'session:' .. digest end
local all = ARGV[1] .. 'sessions'
local function of(tenant) return ARGV[1] .. 'tenant:' .. tenant .. ':sessions' end
local function keep(list)
  redis.call('ZADD', list, ARGV[4], ARGV[2])
  -- A list lives as long as the last session of it.
  redis.call('PEXPIREAT', list, ARGV[3], redis.call('PTTL', list) < 0 and 'NX' or 'GT')
end
-- at: the first field.
local function write(at)
  redis.call('HSET', key(ARGV[2]), unpack(ARGV, at))
  redis.call('PEXPIREAT', key(ARGV[2]), ARGV[3])
  keep(all)
  if ARGV[5] ~= '' then keep(of(ARGV[5])) end
end
)lua";

std::string with_sessions(const char* text) { return std::string(kSessions) + text; }

// What keeps the instances alive and takes away what is gone has to work where memory is short, too.
std::string even_without_memory(const std::string& text) { return "#!lua flags=allow-oom\n" + text; }

}  // namespace

// ARGV: prefix, limit (0: none), a lease's time in ms, its soft end in ms, now in ms, a pong's patience in
// ms, code and reason for who is replaced, the same for who is stale, the connection's 13. At the limit of
// its user in its tenant another gives way. Those of other instances are listed for them, and told. Answers
// {1, id and code of those of this instance}, or {0}: there was no room.
const Script add(with_records(R"lua(
local limit, me, told_at = tonumber(ARGV[2]), ARGV[16], ARGV[19]
local user, ref, tenant, client = ARGV[12], ARGV[13], ARGV[14], ARGV[22]
local out, own = {1}, owner(tenant, user)
known[me] = true
local function evict(it)
  local code, reason, event = ARGV[9], ARGV[10], 'connection_evicted'
  if it.rank == 1 then code, reason, event = ARGV[7], ARGV[8], 'connection_closed' end
  unlink(it.id)
  tell(event, it.id, reason, told_at)
  if it.instance == me then
    out[#out + 1] = it.id
    out[#out + 1] = code
  else
    local list = prefix .. 'gateway:' .. it.instance .. ':evicted'
    redis.call('HSET', list, it.id, code)
    redis.call('EXPIRE', list, 3600)
    redis.call('PUBLISH', ARGV[1] .. 'gateway:' .. it.instance, '{"evicted":true}')
  end
end
if limit > 0 and user ~= '' and redis.call('SCARD', own) >= limit then
  local held, yielding = 0, {}
  for _, id in ipairs(redis.call('SMEMBERS', own)) do
    local r = redis.call('HMGET', record(id), 'gateway_instance_id', 'session_ref', 'client_id', 'pong_owed_since', 'connected_at')
    if not r[1] then
      redis.call('SREM', own, id)
    else
      held = held + 1
      local owed, rank = tonumber(r[4] or ''), nil
      if client ~= '' and r[3] == client and r[2] == ref then rank = 1
      elseif not lives(r[1], ARGV[3], ARGV[4]) then rank = 2
      elseif owed and tonumber(ARGV[5]) - owed > tonumber(ARGV[6]) then rank = 3 end
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
link(11)
tell('connection_opened', ARGV[11], 'admitted', told_at)
return out
)lua"));

// ARGV: prefix, then 13 for each connection.
const Script put(with_records(R"lua(
for at = 2, #ARGV, 13 do
  unlink(ARGV[at])
  link(at)
end
return 1
)lua"));

// ARGV: prefix, instance, then for each connection: id, channel, channels, last_activity, last_heartbeat,
// pong_owed_since.
const Script update(with_records(R"lua(
for at = 3, #ARGV, 6 do
  local id, channels = ARGV[at], ARGV[at + 2]
  local old = redis.call('HMGET', record(id), 'gateway_instance_id', 'channels')
  if old[1] == ARGV[2] then
    if old[2] ~= channels then
      local now = {}
      for channel in string.gmatch(channels, '%S+') do now[channel] = true end
      for channel in string.gmatch(old[2] or '', '%S+') do
        if not now[channel] then redis.call('SREM', index('channel', channel), id) end
      end
      for channel in pairs(now) do redis.call('SADD', index('channel', channel), id) end
    end
    redis.call('HSET', record(id), 'channel', ARGV[at + 1], 'channels', channels, 'last_activity', ARGV[at + 3],
      'last_heartbeat', ARGV[at + 4], 'pong_owed_since', ARGV[at + 5])
    redis.call('EXPIRE', record(id), 3600)
  end
end
return 1
)lua"));

// ARGV: prefix, instance, now, then for each connection: id, event, reason.
const Script remove(even_without_memory(with_records(R"lua(
for at = 4, #ARGV, 3 do
  if redis.call('HGET', record(ARGV[at]), 'gateway_instance_id') == ARGV[2] then
    unlink(ARGV[at])
    tell(ARGV[at + 1], ARGV[at], ARGV[at + 2], ARGV[3])
  end
end
return 1
)lua")));

// ARGV: prefix, instance, token, a lease's time in ms, 'claim' to take it only if nobody holds it, soft end
// in ms. Answers the token that was there ('': none), how many channels have parked messages, the channels
// whose inbox has a place, then instance, remaining ms and connections for each instance; the token alone
// when somebody else holds it.
const Script lease(even_without_memory(R"lua(
local prefix, me = ARGV[1], ARGV[2]
local function key(instance) return prefix .. 'gateway:' .. instance .. ':lease' end
local old = redis.call('GET', key(me)) or ''
local held = old ~= '' and old ~= ARGV[3] and redis.call('PTTL', key(me)) > tonumber(ARGV[4]) - tonumber(ARGV[6])
if ARGV[5] == 'claim' and held then return {old} end
redis.call('SET', key(me), ARGV[3], 'PX', ARGV[4])
redis.call('SADD', prefix .. 'gateways', me)
local out = {old, redis.call('SCARD', prefix .. 'parked'), redis.call('SMEMBERS', prefix .. 'waiting')}
for _, instance in ipairs(redis.call('SMEMBERS', prefix .. 'gateways')) do
  out[#out + 1] = instance
  out[#out + 1] = redis.call('PTTL', key(instance))
  out[#out + 1] = redis.call('SCARD', prefix .. 'gateway:' .. instance .. ':connections')
end
return out
)lua"));

// ARGV: prefix, instance, token. The name stays while it has connections, so that they are found.
const Script leave(even_without_memory(R"lua(
local prefix, me = ARGV[1], ARGV[2]
if redis.call('GET', prefix .. 'gateway:' .. me .. ':lease') ~= ARGV[3] then return 0 end
redis.call('DEL', prefix .. 'gateway:' .. me .. ':lease')
if redis.call('EXISTS', prefix .. 'gateway:' .. me .. ':connections') == 0 then redis.call('SREM', prefix .. 'gateways', me) end
return 1
)lua"));

// ARGV: prefix, dead instance, this instance, now, connections at most. Answers how many it removed; -1: it
// lives, or another one is at it.
const Script reap(even_without_memory(with_records(R"lua(
local dead = ARGV[2]
local reaper = prefix .. 'gateway:' .. dead .. ':reaper'
if redis.call('EXISTS', prefix .. 'gateway:' .. dead .. ':lease') == 1 then return -1 end
local owner = redis.call('GET', reaper)
if owner and owner ~= ARGV[3] then return -1 end
redis.call('SET', reaper, ARGV[3], 'PX', 5000)
local ids = redis.call('SRANDMEMBER', index('gateway', dead), ARGV[5])
for _, id in ipairs(ids) do
  if unlink(id) then
    tell('connection_closed', id, 'instance lost', ARGV[4])
  else
    redis.call('SREM', index('gateway', dead), id)
  end
end
if redis.call('EXISTS', index('gateway', dead)) == 0 then
  redis.call('SREM', prefix .. 'gateways', dead)
  redis.call('DEL', reaper, prefix .. 'gateway:' .. dead .. ':evicted')
end
return #ids
)lua")));

// ARGV: prefix, an index and a cursor in it, how many at a time; or '' and a connection. Answers the next
// cursor, then the fields of each.
const Script read(with_records(R"lua(
local rest, ids = '0', {ARGV[3]}
if ARGV[2] ~= '' then
  local page = redis.call('SSCAN', ARGV[2], ARGV[3], 'COUNT', ARGV[4])
  rest, ids = page[1], page[2]
end
local out = {rest}
for _, id in ipairs(ids) do
  local r = redis.call('HMGET', record(id), 'connection_id', 'session_ref', 'user_id', 'tenant_id', 'channel', 'channels',
    'connected_at', 'last_activity', 'last_heartbeat', 'gateway_instance_id')
  if r[10] then out[#out + 1] = r end
end
return out
)lua"));

// ARGV: prefix, a lease's time in ms, its soft end in ms, tenant or '', '1' to count users, channels. All of
// one moment, and without the connections of instances that are gone. Answers the channels' counts; instance
// and count for each that lives; user and count.
const Script count(with_records(R"lua(
local tenant, with_users = ARGV[4], ARGV[5] == '1'
local channels, gateways, users, lost = {}, {}, {}, {}
for i = 6, #ARGV do channels[i - 5] = 0 end
if tenant ~= '' then
  local at, of_gateway, held_by = {}, {}, {}
  for i = 6, #ARGV do at[ARGV[i]] = i - 5 end
  for _, id in ipairs(redis.call('SMEMBERS', index('tenant', tenant))) do
    local r = redis.call('HMGET', record(id), 'gateway_instance_id', 'user_id', 'channels')
    if r[1] and lives(r[1], ARGV[2], ARGV[3]) then
      of_gateway[r[1]] = (of_gateway[r[1]] or 0) + 1
      held_by[r[2]] = (held_by[r[2]] or 0) + 1
      for name in string.gmatch(r[3], '%S+') do
        if at[name] then channels[at[name]] = channels[at[name]] + 1 end
      end
    end
  end
  for instance, connections in pairs(of_gateway) do
    gateways[#gateways + 1] = instance
    gateways[#gateways + 1] = connections
  end
  if with_users then
    for user, connections in pairs(held_by) do
      users[#users + 1] = user
      users[#users + 1] = connections
    end
  end
  return {channels, gateways, users}
end
for i = 6, #ARGV do channels[i - 5] = redis.call('SCARD', index('channel', ARGV[i])) end
for _, instance in ipairs(redis.call('SMEMBERS', prefix .. 'gateways')) do
  local own = index('gateway', instance)
  if lives(instance, ARGV[2], ARGV[3]) then
    gateways[#gateways + 1] = instance
    gateways[#gateways + 1] = redis.call('SCARD', own)
  else
    for i = 6, #ARGV do
      channels[i - 5] = channels[i - 5] - redis.call('SINTERCARD', 2, own, index('channel', ARGV[i]))
    end
    if with_users then
      for _, id in ipairs(redis.call('SMEMBERS', own)) do
        local user = redis.call('HGET', record(id), 'user_id')
        if user then lost[user] = (lost[user] or 0) + 1 end
      end
    end
  end
end
if with_users then
  for _, user in ipairs(redis.call('SMEMBERS', prefix .. 'users')) do
    local connections = redis.call('SCARD', of_user(user)) - (lost[user] or 0)
    if connections > 0 then
      users[#users + 1] = user
      users[#users + 1] = connections
    end
  end
end
return {channels, gateways, users}
)lua"));

// ARGV: prefix, Pub/Sub name, payload, an instance's own Pub/Sub name without the instance, ms that the lease
// of a live instance has left. Answers how many heard it, then the live instances that listen to nothing now;
// nobody at all when those are all.
const Script publish(R"lua(
local prefix, out = ARGV[1], {redis.call('PUBLISH', ARGV[2], ARGV[3])}
local live, names = {}, {}
for _, instance in ipairs(redis.call('SMEMBERS', prefix .. 'gateways')) do
  if redis.call('PTTL', prefix .. 'gateway:' .. instance .. ':lease') > tonumber(ARGV[5]) then
    live[#live + 1] = instance
    names[#names + 1] = ARGV[4] .. instance
  end
end
if #live == 0 then return out end
local listeners = redis.call('PUBSUB', 'NUMSUB', unpack(names))
for i, instance in ipairs(live) do
  if listeners[2 * i] == 0 then out[#out + 1] = instance end
end
if #out - 1 == #live then return {0} end
return out
)lua");

// ARGV: prefix, the session's digest, until when it is kept, when it ends, tenant or '', now, sessions at
// most, of a tenant at most, ended before when they are not kept (all unix ms), then field and value. When
// there are too many, those that ended first go. Answers 0 when the key is taken, -1 when its tenant has too
// many, -2 when there are too many.
const Script insert_session(with_sessions(R"lua(
if redis.call('EXISTS', key(ARGV[2])) == 1 then return 0 end
local function drop(list, digest)
  local tenant = redis.call('HGET', key(digest), 'tenant_id')
  redis.call('DEL', key(digest))
  redis.call('ZREM', list, digest)
  redis.call('ZREM', all, digest)
  if tenant and tenant ~= '' then redis.call('ZREM', of(tenant), digest) end
end
local function has_room(list, max)
  for _, digest in ipairs(redis.call('ZRANGEBYSCORE', list, '-inf', ARGV[9], 'LIMIT', 0, 10)) do drop(list, digest) end
  local over = math.min(redis.call('ZCARD', list) - max + 1, 10)
  if over <= 0 then return true end
  for _, digest in ipairs(redis.call('ZRANGEBYSCORE', list, '-inf', ARGV[6], 'LIMIT', 0, over)) do drop(list, digest) end
  return redis.call('ZCARD', list) < max
end
if ARGV[5] ~= '' and not has_room(of(ARGV[5]), tonumber(ARGV[8])) then return -1 end
if not has_room(all, tonumber(ARGV[7])) then return -2 end
write(10)
return 1
)lua"));

// ARGV: prefix, the session's digest, until when it is kept, when it ends, tenant or '', revision that was
// read, Pub/Sub name to say the digest on, then field and value. Answers 0 when there is another revision by
// now, -1 when it is gone.
const Script replace_session(with_sessions(R"lua(
local revision = redis.call('HGET', key(ARGV[2]), 'revision')
if not revision then return -1 end
if revision ~= ARGV[6] then return 0 end
write(8)
redis.call('PUBLISH', ARGV[7], ARGV[2])
return 1
)lua"));

}  // namespace scripts
}  // namespace gw::redis
