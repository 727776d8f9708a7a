// Who has had what of an inbox, and what nobody needs any more (inbox_scripts.cc says what a place is).
#include "engine/redis/inbox_lua.h"
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

const Keys kNames("", "", 0);

}  // namespace

// scope: the tenant of the group's members, or empty. A new group begins with what waits for whoever comes
// first, and with what event streams have not confirmed: they may be gone.
const Script join_inbox({.keys = {"inbox"},
                         .arguments = {"prefix", "pubsub_prefix", "channel", "group", "consumer", "scope"}},
                        joined(inbox_locals(), kIds, kPlaces, R"lua(
pass_groups()
local first
each_place(scope, function(tenant, place)
  local id = id_of(place)
  if not first or before(id, first) then first = id end
  if not is_confirming(place) then clear_place(tenant) end
end)
local created = redis.pcall('XGROUP', 'CREATE', inbox, group, first or '$', 'MKSTREAM')
if created.err and not string.find(created.err, 'BUSYGROUP', 1, true) then return created end
redis.pcall('XGROUP', 'CREATECONSUMER', inbox, group, consumer)
return 1
)lua"));

// scope: the tenant of the event streams, or empty. Answers the id behind which they read, the newest id, the
// last that is gone. Asked again after a loss of the connection: the newest id may be older than what was
// read before (a failover).
const Script open_feed({.keys = {"inbox"},
                        .arguments = {"prefix", "pubsub_prefix", "channel", "scope", "kept_seconds"}},
                       joined(inbox_locals(), kIds, kPlaces, R"lua(
pass_groups()
local newest = '0-0'
local info = redis.pcall('XINFO', 'STREAM', inbox)
if not info.err then newest = field(info, 'last-generated-id') end
local start = newest
each_place(scope, function(tenant, place)
  -- What others have to confirm is theirs, unless they have gone. One of those who listen is the asker.
  local others = listeners(entries) - 1
  if tenant ~= '' then others = others + listeners(tenant_entries .. tenant) end
  if is_confirming(place) and others > 0 then return end
  if before(id_of(place), start) then start = id_of(place) end
  set_place(tenant, '~' .. id_of(place))
end)
redis.call('SET', fed, '1', 'EX', kept_seconds)
return {start, newest, redis.call('GET', removed) or '0-0'}
)lua"));

// Entries behind `place`. Answers them, and the last that is gone: taken together, or some could go in
// between.
const Script read_feed({.keys = {"inbox", "removed"}, .arguments = {"place", "most"}}, R"lua(
local entries = redis.call('XRANGE', inbox, '(' .. place, '+', 'COUNT', most)
return {entries, redis.call('GET', removed) or '0-0'}
)lua");

// start: the id behind which the event streams began to read; upto: the last that they had. Answers how many
// places are left, and the oldest that they do not cover ('': none): somebody else has to confirm it.
const Script confirm_feed({.keys = {"inbox"},
                           .arguments = {"prefix", "pubsub_prefix", "channel", "scope", "start", "upto",
                                         "kept_seconds"}},
                          joined(inbox_locals(), kIds, kPlaces, R"lua(
local behind = #redis.call('XRANGE', inbox, '(' .. upto, '+', 'COUNT', 1) > 0
local left, foreign = 0, ''
each_place(scope, function(tenant, place)
  local id = id_of(place)
  if before(id, start) then
    if foreign == '' or before(id, foreign) then foreign = id end
    left = left + 1
  elseif not before(upto, id) then
    if behind then
      set_place(tenant, '~' .. upto)
      left = left + 1
    else
      clear_place(tenant)
    end
  end
end)
redis.call('SET', fed, '1', 'EX', kept_seconds)
return {left, foreign}
)lua"));

// Publishes what has found nobody, in order, as far as somebody listens now. Answers how many, and how many
// places are left.
const Script release({.keys = {"inbox"}, .arguments = {"prefix", "pubsub_prefix", "channel", "most"}},
                     joined(inbox_locals(), lua_local("agents", kNames.agents(kNameA), "pubsub_prefix"),
                            lua_local("tenant_agents", kNames.agents(kNameA, ""), "pubsub_prefix"), kIds,
                            kPlaces, R"lua(
pass_groups()
local published, left = 0, 0
each_place('', function(tenant, place)
  local heard_by = {entries}
  local names = {agents}
  if tenant ~= '' then
    heard_by[2] = tenant_entries .. tenant
    names[2] = tenant_agents .. tenant
  end
  -- Event streams that have gone confirm nothing any more.
  if is_confirming(place) and listeners(unpack(heard_by)) == 0 then
    place = id_of(place)
    set_place(tenant, place)
  end
  left = left + 1
  if is_confirming(place) or listeners(unpack(names)) == 0 then return end
  local entries = redis.call('XRANGE', inbox, '(' .. place, '+', 'COUNT', most)
  for _, entry in ipairs(entries) do
    local envelope = field(entry[2], 'envelope')
    if envelope and (field(entry[2], 'tenant_id') or '') == tenant then
      for _, name in ipairs(names) do redis.call('PUBLISH', name, envelope) end
      published = published + 1
    end
    place = entry[1]
  end
  if #entries < tonumber(most) then
    clear_place(tenant)
    left = left - 1
  else
    set_place(tenant, place)
  end
end)
if left == 0 then redis.call('SREM', waiting, channel) end
return {published, left}
)lua"));

// A group's entries that were open for too long. Gives up what was delivered too often; answers {dead
// lettered, entries}.
const Script claim({.keys = {"inbox", "dead"},
                    .arguments = {"group", "consumer", "idle_ms", "deliveries_most", "most"}},
                   joined(kPutAside, R"lua(
local open = redis.call('XPENDING', inbox, group, 'IDLE', idle_ms, '-', '+', most)
local given_up, again = 0, {}
for _, entry in ipairs(open) do
  local id = entry[1]
  if entry[4] < tonumber(deliveries_most) then
    again[#again + 1] = id
  else
    given_up = given_up + put_aside(id, 'group', group, 'deliveries', tostring(entry[4]))
    redis.call('XACK', inbox, group, id)
  end
end
local entries = {}
if #again > 0 then
  entries = redis.call('XCLAIM', inbox, group, consumer, idle_ms, unpack(again))
end
return {given_up, entries}
)lua"));

// Of the entries (more) those that are open become dead letters. Answers how many.
const Script give_up({.keys = {"inbox", "dead"}, .arguments = {"group", "reason"}}, joined(kPutAside, R"lua(
local given_up = 0
for at = more, #ARGV do
  local open = redis.pcall('XPENDING', inbox, group, ARGV[at], ARGV[at], 1)
  if open[1] then
    put_aside(ARGV[at], 'group', group, 'deliveries', tostring(open[1][4]), 'reason', reason)
    given_up = given_up + redis.call('XACK', inbox, group, ARGV[at])
  end
end
return given_up
)lua"));

// Of the entries (more) those that no other instance has claimed begin their time anew, which is no delivery.
// Answers which.
const Script keep_ours({.keys = {"inbox"}, .arguments = {"group", "consumer"}}, R"lua(
local ours = {}
for at = more, #ARGV do
  local open = redis.pcall('XPENDING', inbox, group, ARGV[at], ARGV[at], 1)
  if open[1] and open[1][2] == consumer then ours[#ours + 1] = ARGV[at] end
end
if #ours == 0 then return {} end
ours[#ours + 1] = 'JUSTID'
return redis.call('XCLAIM', inbox, group, consumer, 0, unpack(ours))
)lua");

// oldest_ms: the oldest that may stay; kept_ms: that is kept for event streams; group_idle_ms: after which a
// group without members holds nothing. Every group's entries that were delivered too often are given up here,
// too: it may have nobody who claims. swept, sweep_most: behind the oldest that waits, from which entry on
// and at how many to look. Answers {removed, dead letters, swept}.
const Script tidy_inbox({.keys = {"inbox"},
                         .arguments = {"prefix", "pubsub_prefix", "channel", "oldest_ms", "kept_ms",
                                       "idle_ms", "deliveries_most", "group_idle_ms", "most", "swept",
                                       "sweep_most"}},
                        joined("if redis.call('EXISTS', inbox) == 0 then return {0, 0, '0-0'} end\n",
                               inbox_locals(), kPredecessor, kIds, kPlaces, kPutAside, R"lua(
local given_up = tonumber(redis.call('GET', aside) or '0')
redis.call('DEL', aside)
pass_groups()
-- The newest that is gone; those that are older may be there.
local last_removed = redis.call('GET', removed) or '0-0'
local function note_removed(id)
  if before(last_removed, id) then
    last_removed = id
    redis.call('SET', removed, id)
  end
end
-- The oldest that must stay.
local newest = field(redis.call('XINFO', 'STREAM', inbox), 'last-generated-id')
local low = newest
local function keep_behind(id)
  if before(id, low) then low = id end
end
for _, group in ipairs(groups()) do
  local name, last = group['name'], group['last-delivered-id']
  local idle
  for _, info in ipairs(redis.call('XINFO', 'CONSUMERS', inbox, name)) do
    local ms = field(info, 'idle')
    if not idle or ms < idle then idle = ms end
  end
  local abandoned = not idle or idle > tonumber(group_idle_ms)
  if group['pending'] > 0 then
    local open = abandoned and redis.call('XPENDING', inbox, name, '-', '+', 100)
      or redis.call('XPENDING', inbox, name, 'IDLE', idle_ms, '-', '+', 100)
    for _, entry in ipairs(open) do
      if abandoned or entry[4] >= tonumber(deliveries_most) then
        given_up = given_up + put_aside(entry[1], 'group', name, 'reason', abandoned and 'abandoned' or 'deliveries')
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
local had_by_groups, waiting_behind = low, {}
each_place('', function(tenant, place)
  waiting_behind[tenant] = id_of(place)
  keep_behind(id_of(place))
end)
for _, entry in ipairs(redis.call('XRANGE', inbox, '-', oldest_ms, 'COUNT', 100)) do
  if before(low, entry[1]) then
    given_up = given_up + put_aside(entry[1], 'group', '', 'reason', 'age')
  end
  redis.call('XDEL', inbox, entry[1])
  note_removed(entry[1])
end
-- Event streams that come back go on from the last that they had, as long as there is room.
local has_room = redis.call('XLEN', inbox) < most / 2
if has_room and redis.call('EXISTS', fed) == 1 then keep_behind(kept_ms .. '-0') end
-- Where there is less, what one tenant leaves waiting does not keep what others have had behind it.
local at, swept_now = '0-0', 0
if not has_room and before(low, had_by_groups) then
  at = before(swept, low) and low or swept
  local entries = redis.call('XRANGE', inbox, '(' .. at, had_by_groups, 'COUNT', sweep_most)
  local last_swept = '0-0'
  for _, entry in ipairs(entries) do
    local behind = waiting_behind[field(entry[2], 'tenant_id') or '']
    if not behind or not before(behind, entry[1]) then
      swept_now = swept_now + redis.call('XDEL', inbox, entry[1])
      last_swept = entry[1]
    end
    at = entry[1]
  end
  note_removed(last_swept)
  if #entries < tonumber(sweep_most) then at = '0-0' end
end
local gone = redis.call('XREVRANGE', inbox, low, '-', 'COUNT', 1)[1]
if not gone then return {swept_now, given_up, at} end
note_removed(gone[1])
local ms, seq = string.match(low, '(%d+)-(%d+)')
if seq == '18446744073709551615' then
  low = string.format('%.0f', tonumber(ms) + 1) .. '-0'
else
  low = ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
end
return {redis.call('XTRIM', inbox, 'MINID', low) + swept_now, given_up, at}
)lua"));

}  // namespace gw::redis::scripts
