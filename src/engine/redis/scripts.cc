#include "engine/redis/scripts.h"

#include "base/digest.h"
#include "base/hex.h"

namespace gw::redis {

Script::Script(std::string_view text) : source(text), sha1(sha1_hex(text)) {}

void run_script(Connection& connection, const Script& script, std::vector<std::string_view> arguments,
                OnReply done) {
  arguments.insert(arguments.begin(), {"EVALSHA", script.sha1, "0"});
  connection.command(arguments, std::move(done));
}

void load_scripts(Connection& connection) {
  using namespace scripts;
  for (const Script* script : {&submit, &unpark, &add, &put, &update, &remove, &lease, &leave, &reap, &count,
                               &insert_session, &replace_session, &claim, &trim}) {
    connection.command({"SCRIPT", "LOAD", script->source}, {});
  }
}

namespace scripts {
namespace {

// A connection's record and its places in the indexes, always changed together.
constexpr const char* kRecords = R"lua(
local prefix = ARGV[1]
local function record(id) return prefix .. 'connection:' .. id end
local function index(kind, name) return prefix .. kind .. ':' .. name .. ':connections' end
local function tell(event, id, reason, now)
  redis.call('PUBLISH', prefix .. 'events', cjson.encode({
    event = event, connection_id = id, reason = reason, timestamp = now}))
end
local function unlink(id)
  local r = redis.call('HMGET', record(id), 'user_id', 'session_ref', 'tenant_id', 'channels', 'gateway_instance_id')
  if not r[5] then return nil end
  if r[1] and r[1] ~= '' then
    redis.call('SREM', index('user', r[1]), id)
    if redis.call('EXISTS', index('user', r[1])) == 0 then redis.call('SREM', prefix .. 'users', r[1]) end
  end
  if r[2] and r[2] ~= '' then redis.call('SREM', index('session', r[2]), id) end
  if r[3] and r[3] ~= '' then redis.call('SREM', index('tenant', r[3]), id) end
  for channel in string.gmatch(r[4] or '', '%S+') do redis.call('SREM', index('channel', channel), id) end
  redis.call('SREM', index('gateway', r[5]), id)
  redis.call('DEL', record(id))
  return r[5]
end
-- at: the first of a connection's 11 arguments.
local function link(at)
  local id, user, ref, tenant, channels, instance = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  redis.call('HSET', record(id), 'connection_id', id, 'user_id', user, 'session_ref', ref, 'tenant_id', tenant,
    'channels', channels, 'gateway_instance_id', instance, 'channel', ARGV[at + 6], 'connected_at', ARGV[at + 7],
    'last_activity', ARGV[at + 8], 'last_heartbeat', ARGV[at + 9], 'metadata', ARGV[at + 10])
  redis.call('EXPIRE', record(id), 3600)
  if user ~= '' then
    redis.call('SADD', index('user', user), id)
    redis.call('SADD', prefix .. 'users', user)
  end
  if ref ~= '' then redis.call('SADD', index('session', ref), id) end
  if tenant ~= '' then redis.call('SADD', index('tenant', tenant), id) end
  for channel in string.gmatch(channels, '%S+') do redis.call('SADD', index('channel', channel), id) end
  redis.call('SADD', index('gateway', instance), id)
end
)lua";

std::string with_records(const char* text) { return std::string(kRecords) + text; }

// What keeps the instances alive and takes away what is gone has to work where memory is short, too.
std::string even_without_memory(const std::string& text) { return "#!lua flags=allow-oom\n" + text; }

}  // namespace

// ARGV: prefix, message_id, envelope, dedupe key or '', seconds it is kept, agents' Pub/Sub name, tenant's or
// '', inbox key or '', tenant, entries at most. Answers receivers; -1: duplicate; -2: the inbox is full. The
// key holds who published it and to how many: a repetition after a lost answer finds out. Once it is taken
// nothing may fail any more: whoever hears of an error sends it again.
const Script submit(R"lua(
local id, envelope, key = ARGV[2], ARGV[3], ARGV[4]
if key ~= '' then
  local seen = redis.call('GET', key)
  if seen then
    local owner, receivers = string.match(seen, '^(%S+) (%d+)$')
    if owner ~= id then return -1 end
    if tonumber(receivers) > 0 then return tonumber(receivers) end
  end
end
if ARGV[8] ~= '' and redis.call('XLEN', ARGV[8]) >= tonumber(ARGV[10]) then return -2 end
if key ~= '' then redis.call('SET', key, id .. ' 0', 'EX', ARGV[5]) end
local receivers, taken = 0, false
local function publish(channel)
  if channel == '' then return end
  local reached = taken and redis.pcall('PUBLISH', channel, envelope) or redis.call('PUBLISH', channel, envelope)
  if type(reached) == 'number' then receivers = receivers + reached end
end
if ARGV[8] ~= '' then
  redis.call('XADD', ARGV[8], '*', 'envelope', envelope, 'tenant_id', ARGV[9])
  receivers, taken = 1, true
  redis.pcall('PUBLISH', ARGV[8], '')
end
publish(ARGV[6])
taken = taken or receivers > 0
publish(ARGV[7])
if key ~= '' and receivers > 0 then redis.pcall('SET', key, id .. ' ' .. receivers, 'KEEPTTL') end
return receivers
)lua");

// ARGV: prefix, parked key, now in ms, agents' Pub/Sub name, its name for tenants without the tenant, at
// most, inbox key or '', channel. Each is published and taken out in one step. Answers delivered, expired,
// left.
const Script unpark(R"lua(
local delivered, expired = 0, 0
for i = 1, tonumber(ARGV[6]) do
  local entry = redis.call('LINDEX', ARGV[2], 0)
  if not entry then break end
  local tenant, due, envelope = string.match(entry, '^([^\n]*)\n(%d+)\n(.*)$')
  if tonumber(due) <= tonumber(ARGV[3]) then
    expired = expired + 1
  else
    local receivers = redis.call('PUBLISH', ARGV[4], envelope)
    if ARGV[7] ~= '' then
      redis.call('XADD', ARGV[7], '*', 'envelope', envelope, 'tenant_id', tenant)
      receivers = receivers + 1 + redis.call('PUBLISH', ARGV[7], '')
    end
    if tenant ~= '' then receivers = receivers + redis.call('PUBLISH', ARGV[5] .. tenant, envelope) end
    if receivers == 0 then break end
    delivered = delivered + 1
  end
  redis.call('LPOP', ARGV[2])
end
local left = redis.call('LLEN', ARGV[2])
if left == 0 then redis.call('SREM', ARGV[1] .. 'parked', ARGV[8]) end
return {delivered, expired, left}
)lua");

// ARGV: prefix, limit (0: none), a lease's time in ms, its soft end in ms, the connection's 11.
// Answers 1, or 0 when the user has too many. Those on an instance that is gone do not count.
const Script add(with_records(R"lua(
local limit, user = tonumber(ARGV[2]), ARGV[6]
if limit > 0 and user ~= '' and redis.call('SCARD', index('user', user)) >= limit then
  local live = 0
  for _, id in ipairs(redis.call('SMEMBERS', index('user', user))) do
    local instance = redis.call('HGET', record(id), 'gateway_instance_id')
    if instance and redis.call('PTTL', prefix .. 'gateway:' .. instance .. ':lease') > tonumber(ARGV[3]) - tonumber(ARGV[4]) then
      live = live + 1
    end
  end
  if live >= limit then return 0 end
end
link(5)
tell('connection_opened', ARGV[5], 'admitted', ARGV[13])
return 1
)lua"));

// ARGV: prefix, then 11 for each connection.
const Script put(with_records(R"lua(
for at = 2, #ARGV, 11 do
  unlink(ARGV[at])
  link(at)
end
return 1
)lua"));

// ARGV: prefix, instance, then for each connection: id, channel, channels, last_activity, last_heartbeat.
const Script update(with_records(R"lua(
for at = 3, #ARGV, 5 do
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
      'last_heartbeat', ARGV[at + 4])
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
// in ms. Answers the token that was there ('': none), how many channels have parked messages, then
// instance, remaining ms and connections for each instance; the token alone when somebody else holds it.
const Script lease(even_without_memory(R"lua(
local prefix, me = ARGV[1], ARGV[2]
local function key(instance) return prefix .. 'gateway:' .. instance .. ':lease' end
local old = redis.call('GET', key(me)) or ''
local held = old ~= '' and old ~= ARGV[3] and redis.call('PTTL', key(me)) > tonumber(ARGV[4]) - tonumber(ARGV[6])
if ARGV[5] == 'claim' and held then return {old} end
redis.call('SET', key(me), ARGV[3], 'PX', ARGV[4])
redis.call('SADD', prefix .. 'gateways', me)
local out = {old, redis.call('SCARD', prefix .. 'parked')}
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
  redis.call('DEL', reaper)
end
return #ids
)lua")));

// ARGV: prefix, a lease's time in ms, its soft end in ms, channels. Answers the channels' counts, then
// instance and count for each that lives.
const Script count(R"lua(
local prefix, out = ARGV[1], {}
for i = 4, #ARGV do out[#out + 1] = redis.call('SCARD', prefix .. 'channel:' .. ARGV[i] .. ':connections') end
for _, instance in ipairs(redis.call('SMEMBERS', prefix .. 'gateways')) do
  if redis.call('PTTL', prefix .. 'gateway:' .. instance .. ':lease') > tonumber(ARGV[2]) - tonumber(ARGV[3]) then
    out[#out + 1] = instance
    out[#out + 1] = redis.call('SCARD', prefix .. 'gateway:' .. instance .. ':connections')
  end
end
return out
)lua");

// ARGV: prefix, key, end in unix ms, then field and value. Answers 0 when the key is taken.
const Script insert_session(R"lua(
if redis.call('EXISTS', ARGV[2]) == 1 then return 0 end
redis.call('HSET', ARGV[2], unpack(ARGV, 4))
redis.call('PEXPIREAT', ARGV[2], ARGV[3])
return 1
)lua");

// ARGV: prefix, key, end in unix ms, revision that was read, Pub/Sub name, what to say there, then field and
// value. Answers 0 when there is another revision by now, -1 when it is gone.
const Script replace_session(R"lua(
local revision = redis.call('HGET', ARGV[2], 'revision')
if not revision then return -1 end
if revision ~= ARGV[4] then return 0 end
redis.call('HSET', ARGV[2], unpack(ARGV, 7))
redis.call('PEXPIREAT', ARGV[2], ARGV[3])
redis.call('PUBLISH', ARGV[5], ARGV[6])
return 1
)lua");

// ARGV: prefix, inbox, group, consumer, idle ms, deliveries at most, entries at most, dead letters at most.
// Gives up what was delivered too often; answers {dead lettered, entries}.
const Script claim(R"lua(
local inbox, group = ARGV[2], ARGV[3]
local open = redis.call('XPENDING', inbox, group, 'IDLE', ARGV[5], '-', '+', ARGV[7])
local dead, again = 0, {}
for _, entry in ipairs(open) do
  local id = entry[1]
  if entry[4] < tonumber(ARGV[6]) then
    again[#again + 1] = id
  else
    local found = redis.call('XRANGE', inbox, id, id)[1]
    if found then
      local fields = found[2]
      for _, extra in ipairs({'inbox_id', id, 'group', group, 'deliveries', tostring(entry[4])}) do fields[#fields + 1] = extra end
      redis.call('XADD', inbox .. ':dead', 'MAXLEN', '~', ARGV[8], '*', unpack(fields))
      dead = dead + 1
    end
    redis.call('XACK', inbox, group, id)
  end
end
local entries = {}
if ARGV[4] ~= '' and #again > 0 then
  entries = redis.call('XCLAIM', inbox, group, ARGV[4], ARGV[5], unpack(again))
end
return {dead, entries}
)lua");

// ARGV: prefix, inbox, oldest unix ms that may stay. A group that was never read keeps nothing. Answers
// {done, too old}.
const Script trim(R"lua(
local inbox = ARGV[2]
if redis.call('EXISTS', inbox) == 0 then return {0, 0} end
local function before(a, b)
  local am, as = string.match(a, '(%d+)-(%d+)')
  local bm, bs = string.match(b, '(%d+)-(%d+)')
  am, as, bm, bs = tonumber(am), tonumber(as), tonumber(bm), tonumber(bs)
  return am < bm or (am == bm and as < bs)
end
local low
for _, info in ipairs(redis.call('XINFO', 'GROUPS', inbox)) do
  local group = {}
  for i = 1, #info, 2 do group[info[i]] = info[i + 1] end
  if group['last-delivered-id'] ~= '0-0' then
    local first = group['last-delivered-id']
    local ms, seq = string.match(first, '(%d+)-(%d+)')
    first = ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
    if group['pending'] > 0 then first = redis.call('XPENDING', inbox, group['name'])[2] end
    if not low or before(first, low) then low = first end
  end
end
local done = 0
if low then done = redis.call('XTRIM', inbox, 'MINID', low) end
return {done, redis.call('XTRIM', inbox, 'MINID', ARGV[3])}
)lua");

}  // namespace scripts
}  // namespace gw::redis
