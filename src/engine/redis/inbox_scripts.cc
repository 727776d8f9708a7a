// What happens to clients' messages in Redis.
//
// With the inbox an entry of the channel's stream is the message, and whoever listens has a place in that
// stream. A group's place is Redis's own. For all others there is one place a tenant, in the hash
// `<state>waiting`: the id of an entry of which is certain that it and all before it have been had by
// somebody.
//
//   none           nothing of this tenant waits
//   ~<id>          event streams listen, and have not confirmed what is behind it
//   <id>           what is behind it has found nobody; it goes, in order, to the first who comes
//
// Beside it `<state>fed` exists while event streams have lately been there, so that entries are kept for them
// a while longer, `<state>removed` is the last entry that is gone, `<state>aside` counts dead letters,
// `<state>held` what waits of a tenant.
// Pub/Sub: `<notices>/feed` and `<notices>/feed/<tenant>` bring an entry to event streams, `<notices>/group`
// and `<notices>/group/<tenant>` tell instances with members of a group that there is one.
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

constexpr const char* kIds = R"lua(
-- Whether entry a is older than b.
local function before(a, b)
  local a_ms, a_seq = string.match(a, '(%d+)-(%d+)')
  local b_ms, b_seq = string.match(b, '(%d+)-(%d+)')
  if #a_ms ~= #b_ms then return #a_ms < #b_ms end
  if a_ms ~= b_ms then return a_ms < b_ms end
  if #a_seq ~= #b_seq then return #a_seq < #b_seq end
  return a_seq < b_seq
end
local function predecessor(id)
  local ms, seq = string.match(id, '(%d+)-(%d+)')
  if seq ~= '0' then return ms .. '-' .. string.format('%.0f', tonumber(seq) - 1) end
  return string.format('%.0f', tonumber(ms) - 1) .. '-18446744073709551615'
end
local function field(fields, name)
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
end
)lua";

// Needs prefix, channel, inbox, state, notices.
constexpr const char* kPlaces = R"lua(
local places = state .. 'waiting'
local function is_confirming(place) return string.sub(place, 1, 1) == '~' end
local function id_of(place) return is_confirming(place) and string.sub(place, 2) or place end
local function listeners(...)
  local count = 0
  local answer = redis.call('PUBSUB', 'NUMSUB', ...)
  for i = 2, #answer, 2 do count = count + answer[i] end
  return count
end
-- tenant -> place, of one tenant or (scope '') of all.
local function each_place(scope, visit)
  local all = scope == '' and redis.call('HGETALL', places) or {scope, redis.call('HGET', places, scope)}
  for i = 1, #all, 2 do
    if all[i + 1] then visit(all[i], all[i + 1]) end
  end
end
local function set_place(tenant, place)
  redis.call('HSET', places, tenant, place)
  redis.call('SADD', prefix .. 'waiting', channel)
end
local function clear_place(tenant)
  redis.call('HDEL', places, tenant)
  redis.call('HDEL', state .. 'held', tenant)
  if redis.call('EXISTS', places) == 0 then redis.call('SREM', prefix .. 'waiting', channel) end
end
local function groups()
  local out = {}
  local answer = redis.pcall('XINFO', 'GROUPS', inbox)
  if answer.err then return out end
  for _, info in ipairs(answer) do
    local group = {}
    for i = 1, #info, 2 do group[info[i]] = info[i + 1] end
    out[#out + 1] = group
  end
  return out
end
-- What a group has read does not wait for anybody. Those of a tenant are named tenant/group.
local function pass_groups()
  if redis.call('EXISTS', places) == 0 then return end
  for _, group in ipairs(groups()) do
    local last = group['last-delivered-id']
    each_place(string.match(group['name'], '^(.*)/') or '', function(tenant, place)
      if not before(id_of(place), last) then return end
      if #redis.call('XRANGE', inbox, '(' .. last, '+', 'COUNT', 1) == 0 then
        clear_place(tenant)
      else
        set_place(tenant, (is_confirming(place) and '~' or '') .. last)
      end
    end)
  end
end
)lua";

// Needs prefix, channel, inbox, state, notices, agents, tenant, tenant_agents. A failure after XADD would
// have it added again, so none is let through. It runs for every message: a function that is made costs as
// much as a call, so those of kIds and kPlaces are left out here.
constexpr const char* kHandOver = R"lua(
local function tell(name, payload)
  local reached = redis.pcall('PUBLISH', name, payload)
  return type(reached) == 'number' and reached or 0
end
local function tell_agents(envelope)
  if tenant == '' then return tell(agents, envelope) end
  return tell(agents, envelope) + tell(tenant_agents .. tenant, envelope)
end
-- Behind what waits for nobody in particular nothing overtakes: `release` publishes both, in order.
local function may_publish(place) return type(place) ~= 'string' or string.sub(place, 1, 1) == '~' end
-- waits: whether it is kept for somebody who comes later. place: of its tenant.
local function hand_over(envelope, waits, place)
  local entry = redis.call('XADD', inbox, '*', 'envelope', envelope, 'tenant_id', tenant)
  local notice = entry .. '\n' .. envelope
  local feeds, heard = tell(notices .. '/feed', notice), tell(notices .. '/group', '')
  if tenant ~= '' then
    feeds = feeds + tell(notices .. '/feed/' .. tenant, notice)
    heard = heard + tell(notices .. '/group/' .. tenant, '')
  end
  if may_publish(place) then heard = heard + tell_agents(envelope) end
  if heard > 0 or not waits then return end
  if feeds == 0 then
    if may_publish(place) then redis.pcall('HDEL', state .. 'held', tenant) end
    redis.pcall('HINCRBY', state .. 'held', tenant, 1)
  end
  if type(place) ~= 'string' then
    local ms, seq = string.match(entry, '(%d+)-(%d+)')
    local before = seq ~= '0' and ms .. '-' .. string.format('%.0f', tonumber(seq) - 1)
      or string.format('%.0f', tonumber(ms) - 1) .. '-18446744073709551615'
    redis.pcall('HSET', state .. 'waiting', tenant, (feeds > 0 and '~' or '') .. before)
    redis.pcall('SADD', prefix .. 'waiting', channel)
  elseif feeds == 0 and string.sub(place, 1, 1) == '~' then
    redis.pcall('HSET', state .. 'waiting', tenant, string.sub(place, 2))
  end
end
)lua";

template <class... Parts>
std::string joined(const Parts&... parts) {
  std::string out;
  (out.append(parts), ...);
  return out;
}

}  // namespace

// ARGV: prefix, channel, message_id, envelope, dedupe key or '', seconds it is kept, agents' Pub/Sub name,
// its name for tenants without the tenant, tenant, inbox key or '', its state, its notices, entries at most,
// '1' when it waits for an agent. Answers receivers (with an inbox: 1); -1: duplicate; -2: the inbox is full.
// The key holds who published it and to how many. A repetition by the owner, after an answer that was lost,
// publishes again: who was counted may have been a subscription that was dead already.
const Script submit(joined(R"lua(
local prefix, channel, id, envelope, key = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local agents, tenant_agents, tenant = ARGV[7], ARGV[8], ARGV[9]
local inbox, state, notices, most = ARGV[10], ARGV[11], ARGV[12], tonumber(ARGV[13])
)lua",
                           kHandOver, R"lua(
local stored = false
if key ~= '' then
  local seen = redis.call('GET', key)
  if seen then
    local owner, taken = string.match(seen, '^(%S+) (%d+)$')
    if owner ~= id then return -1 end
    stored = tonumber(taken) > 0
  end
end
if inbox == '' then
  if key ~= '' and not stored then redis.call('SET', key, id .. ' 0', 'EX', ARGV[6]) end
  local reached = tell_agents(envelope)
  if key ~= '' and reached > 0 then redis.pcall('SET', key, id .. ' ' .. reached, 'KEEPTTL') end
  return reached
end
if stored then
  if may_publish(redis.call('HGET', state .. 'waiting', tenant)) then tell_agents(envelope) end
  return 1
end
local place, length = redis.call('HGET', state .. 'waiting', tenant), redis.call('XLEN', inbox)
-- What waits for nobody in particular is bounded for each tenant: none may hold more than is left for the others.
if tenant ~= '' and not may_publish(place)
  and tonumber(redis.call('HGET', state .. 'held', tenant) or '0') >= most - length then return -2 end
if length >= most then
)lua",
                           kIds, kPlaces, R"lua(
  local oldest = redis.call('XRANGE', inbox, '-', '+', 'COUNT', 1)[1]
  local waits = false
  each_place('', function(_, place) waits = waits or before(id_of(place), oldest[1]) end)
  if waits then return -2 end
  -- Only groups have not done with it, and a group's backlog holds up nobody else.
  local fields = oldest[2]
  for _, extra in ipairs({'inbox_id', oldest[1], 'reason', 'full'}) do fields[#fields + 1] = extra end
  redis.call('XADD', inbox .. ':dead', 'MAXLEN', '~', 10000, '*', unpack(fields))
  redis.call('INCR', state .. 'aside')
  redis.call('XDEL', inbox, oldest[1])
end
if key ~= '' then redis.call('SET', key, id .. ' 0', 'EX', ARGV[6]) end
hand_over(envelope, ARGV[14] == '1', place)
if key ~= '' then redis.pcall('SET', key, id .. ' 1', 'KEEPTTL') end
return 1
)lua"));

// ARGV: prefix, channel, parked key, now in ms, agents' Pub/Sub name, its name for tenants without the
// tenant, at most, inbox key or '', its state, its notices. Each is handed over and taken out in one step.
// Answers handed over, expired, left.
const Script unpark(joined(R"lua(
local prefix, channel, agents, tenant_agents, tenant = ARGV[1], ARGV[2], ARGV[5], ARGV[6], ''
local inbox, state, notices = ARGV[8], ARGV[9], ARGV[10]
)lua",
                           kHandOver, R"lua(
local delivered, expired = 0, 0
for i = 1, tonumber(ARGV[7]) do
  local entry = redis.call('LINDEX', ARGV[3], 0)
  if not entry then break end
  local due, envelope
  tenant, due, envelope = string.match(entry, '^([^\n]*)\n(%d+)\n(.*)$')
  if tonumber(due) <= tonumber(ARGV[4]) then
    expired = expired + 1
  else
    if inbox ~= '' then
      hand_over(envelope, true, redis.call('HGET', state .. 'waiting', tenant))
    elseif tell_agents(envelope) == 0 then
      break
    end
    delivered = delivered + 1
  end
  redis.call('LPOP', ARGV[3])
end
local left = redis.call('LLEN', ARGV[3])
if left == 0 then redis.call('SREM', prefix .. 'parked', channel) end
return {delivered, expired, left}
)lua"));

// ARGV: prefix, channel, inbox, state, notices, group, consumer, tenant of its members or ''. A new group
// begins with what waits for whoever comes first, and with what event streams have not confirmed: they may be
// gone.
const Script join_inbox(joined(R"lua(
local prefix, channel, inbox, state, notices = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
)lua",
                               kIds, kPlaces, R"lua(
pass_groups()
local first
each_place(ARGV[8], function(tenant, place)
  local id = id_of(place)
  if not first or before(id, first) then first = id end
  if not is_confirming(place) then clear_place(tenant) end
end)
local created = redis.pcall('XGROUP', 'CREATE', inbox, ARGV[6], first or '$', 'MKSTREAM')
if created.err and not string.find(created.err, 'BUSYGROUP', 1, true) then return created end
redis.pcall('XGROUP', 'CREATECONSUMER', inbox, ARGV[6], ARGV[7])
return 1
)lua"));

// ARGV: prefix, channel, inbox, state, notices, tenant of the event streams or '', seconds that entries are
// kept for them. Answers the id behind which they read, the newest id, the last that is gone. Asked again
// after a loss of the connection: the newest id may be older than what was read before (a failover).
const Script open_feed(joined(R"lua(
local prefix, channel, inbox, state, notices, scope = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
)lua",
                              kIds, kPlaces, R"lua(
pass_groups()
local newest = '0-0'
local info = redis.pcall('XINFO', 'STREAM', inbox)
if not info.err then newest = field(info, 'last-generated-id') end
local start = newest
each_place(scope, function(tenant, place)
  -- What others have to confirm is theirs, unless they have gone. One of those who listen is the asker.
  local others = listeners(notices .. '/feed') - 1
  if tenant ~= '' then others = others + listeners(notices .. '/feed/' .. tenant) end
  if is_confirming(place) and others > 0 then return end
  if before(id_of(place), start) then start = id_of(place) end
  set_place(tenant, '~' .. id_of(place))
end)
redis.call('SET', state .. 'fed', '1', 'EX', ARGV[7])
return {start, newest, redis.call('GET', state .. 'removed') or '0-0'}
)lua"));

// ARGV: prefix, channel, inbox, state, notices, tenant of the event streams or '', the id behind which they
// began to read, the last that they had, seconds that entries are kept for them. Answers how many places are
// left, and the oldest that they do not cover ('': none): somebody else has to confirm it.
const Script confirm_feed(joined(R"lua(
local prefix, channel, inbox, state, notices, scope = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local start, upto = ARGV[7], ARGV[8]
)lua",
                                 kIds, kPlaces, R"lua(
local more = #redis.call('XRANGE', inbox, '(' .. upto, '+', 'COUNT', 1) > 0
local left, foreign = 0, ''
each_place(scope, function(tenant, place)
  local id = id_of(place)
  if before(id, start) then
    if foreign == '' or before(id, foreign) then foreign = id end
    left = left + 1
  elseif not before(upto, id) then
    if more then
      set_place(tenant, '~' .. upto)
      left = left + 1
    else
      clear_place(tenant)
    end
  end
end)
redis.call('SET', state .. 'fed', '1', 'EX', ARGV[9])
return {left, foreign}
)lua"));

// ARGV: prefix, channel, inbox, state, notices, agents' Pub/Sub name, its name for tenants without the
// tenant, at most. Answers how many it published, and how many places are left.
const Script release(joined(R"lua(
local prefix, channel, inbox, state, notices, agents, tenant_agents = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
)lua",
                            kIds, kPlaces, R"lua(
pass_groups()
local published, left = 0, 0
each_place('', function(tenant, place)
  local feeds = {notices .. '/feed'}
  local names = {agents}
  if tenant ~= '' then
    feeds[2] = notices .. '/feed/' .. tenant
    names[2] = tenant_agents .. tenant
  end
  -- Event streams that have gone confirm nothing any more.
  if is_confirming(place) and listeners(unpack(feeds)) == 0 then
    place = id_of(place)
    set_place(tenant, place)
  end
  left = left + 1
  if is_confirming(place) or listeners(unpack(names)) == 0 then return end
  local entries = redis.call('XRANGE', inbox, '(' .. place, '+', 'COUNT', ARGV[8])
  for _, entry in ipairs(entries) do
    local envelope = field(entry[2], 'envelope')
    if envelope and (field(entry[2], 'tenant_id') or '') == tenant then
      for _, name in ipairs(names) do redis.call('PUBLISH', name, envelope) end
      published = published + 1
    end
    place = entry[1]
  end
  if #entries < tonumber(ARGV[8]) then
    clear_place(tenant)
    left = left - 1
  else
    set_place(tenant, place)
  end
end)
if left == 0 then redis.call('SREM', prefix .. 'waiting', channel) end
return {published, left}
)lua"));

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
if #again > 0 then
  entries = redis.call('XCLAIM', inbox, group, ARGV[4], ARGV[5], unpack(again))
end
return {dead, entries}
)lua");

// ARGV: prefix, channel, inbox, state, notices, oldest unix ms that may stay, oldest unix ms kept for event
// streams, dead letters at most, idle ms, deliveries at most, ms after which a group without members holds
// nothing, entries at most. Every group's entries that were delivered too often are given up here, too: it
// may have nobody who claims. Answers {removed, dead letters}.
const Script tidy_inbox(joined(R"lua(
local prefix, channel, inbox, state, notices = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local dead_max, idle_max, deliveries_max, group_idle_max, most = ARGV[8], tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
if redis.call('EXISTS', inbox) == 0 then return {0, 0} end
)lua",
                               kIds, kPlaces, R"lua(
local dead = tonumber(redis.call('GET', state .. 'aside') or '0')
redis.call('DEL', state .. 'aside')
local function put_aside(id, group, reason)
  local found = redis.call('XRANGE', inbox, id, id)[1]
  if not found then return end
  local fields = found[2]
  for _, extra in ipairs({'inbox_id', id, 'group', group, 'reason', reason}) do fields[#fields + 1] = extra end
  redis.call('XADD', inbox .. ':dead', 'MAXLEN', '~', dead_max, '*', unpack(fields))
  dead = dead + 1
end
pass_groups()
-- The oldest that must stay.
local newest = field(redis.call('XINFO', 'STREAM', inbox), 'last-generated-id')
local low = newest
local function keep_behind(id)
  if before(id, low) then low = id end
end
each_place('', function(_, place) keep_behind(id_of(place)) end)
for _, group in ipairs(groups()) do
  local name, last = group['name'], group['last-delivered-id']
  local idle
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', inbox, name)) do
    local ms = field(info, 'idle')
    if not idle or ms < idle then idle = ms end
  end
  local abandoned = not idle or idle > group_idle_max
  if group['pending'] > 0 then
    local open = abandoned and redis.call('XPENDING', inbox, name, '-', '+', 100)
      or redis.call('XPENDING', inbox, name, 'IDLE', idle_max, '-', '+', 100)
    for _, entry in ipairs(open) do
      if abandoned or entry[4] >= deliveries_max then
        put_aside(entry[1], name, abandoned and 'abandoned' or 'deliveries')
        redis.call('XACK', inbox, name, entry[1])
      end
    end
  end
  -- A group that was never read keeps nothing, nor does one without members.
  if last ~= '0-0' and not abandoned then
    keep_behind(last)
    local first = redis.call('XPENDING', inbox, name)[2]
    if first then keep_behind(predecessor(first)) end
  elseif idle and abandoned and name ~= 'agents' and redis.call('XPENDING', inbox, name)[1] == 0 then
    redis.call('XGROUP', 'DESTROY', inbox, name)
  end
end
for _, entry in ipairs(redis.call('XRANGE', inbox, '-', ARGV[6], 'COUNT', 100)) do
  if before(low, entry[1]) then
    put_aside(entry[1], '', 'age')
  end
  redis.call('XDEL', inbox, entry[1])
end
-- Event streams that come back go on from the last that they had, as long as there is room.
if redis.call('EXISTS', state .. 'fed') == 1 and redis.call('XLEN', inbox) < most / 2 then
  keep_behind(ARGV[7] .. '-0')
end
local gone = redis.call('XREVRANGE', inbox, low, '-', 'COUNT', 1)[1]
if not gone then return {0, dead} end
redis.call('SET', state .. 'removed', gone[1])
local ms, seq = string.match(low, '(%d+)-(%d+)')
if seq == '18446744073709551615' then
  low = string.format('%.0f', tonumber(ms) + 1) .. '-0'
else
  low = ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
end
return {redis.call('XTRIM', inbox, 'MINID', low), dead}
)lua"));

}  // namespace gw::redis::scripts
