// A client's message in Redis, from its coming to whoever listens.
//
// With the inbox an entry of the channel's stream is the message, and whoever listens has a place in that
// stream. A group's place is Redis's own. For all others there is one place a tenant, in the hash `places`:
// the id of an entry of which is certain that it and all before it have been had by somebody.
//
//   none           nothing of this tenant waits
//   ~<id>          event streams listen, and have not confirmed what is behind it
//   <id>           what is behind it has found nobody; it goes, in order, to the first who comes
//
// Beside it `fed` exists while event streams have lately been there, so that entries are kept for them a
// while longer, `removed` is the newest entry that is gone, `aside` counts dead letters, `held` what waits of
// a tenant. All their names are in keys.h.
#include "engine/redis/inbox_lua.h"
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

const Keys kNames("", "", 0);

// Needs pubsub_prefix, channel, tenant. A failure after the message has been kept would have it kept again,
// so none is let through.
const std::string kTellAgents =
    joined(lua_local("agents", kNames.agents(kNameA), "pubsub_prefix"), R"lua(
local function tell(name, payload)
  local reached = redis.pcall('PUBLISH', name, payload)
  return type(reached) == 'number' and reached or 0
end
local function tell_agents(envelope)
  if tenant == '' then return tell(agents, envelope) end
)lua",
           lua_local("tenant_agents", kNames.agents(kNameA, ""), "pubsub_prefix"), R"lua(
  return tell(agents, envelope) + tell(tenant_agents .. tenant, envelope)
end
)lua");

// Needs kTellAgents, inbox, prefix.
const std::string kHandOver = joined(lua_local("places", kNames.inbox_places(kNameA)),
                                     lua_local("entries", kNames.entries(kNameA), "pubsub_prefix"),
                                     lua_local("notices", kNames.notices(kNameA), "pubsub_prefix"), R"lua(
-- Behind what waits for nobody in particular nothing overtakes: `release` publishes both, in order.
local function may_publish(place) return type(place) ~= 'string' or string.sub(place, 1, 1) == '~' end
-- waits: whether it is kept for somebody who comes later. place: of its tenant.
local function hand_over(envelope, waits, place)
  local entry = redis.call('XADD', inbox, '*', 'envelope', envelope, 'tenant_id', tenant)
  local notice = entry .. '\n' .. envelope
  local reached, heard = tell(entries, notice), tell(notices, '')
  if tenant ~= '' then
)lua",
                                     lua_local("tenant_entries", kNames.entries(kNameA, ""), "pubsub_prefix"),
                                     lua_local("tenant_notices", kNames.notices(kNameA, ""), "pubsub_prefix"),
                                     R"lua(
    reached = reached + tell(tenant_entries .. tenant, notice)
    heard = heard + tell(tenant_notices .. tenant, '')
  end
  if may_publish(place) then heard = heard + tell_agents(envelope) end
  if heard > 0 or not waits then return end
  if reached == 0 then
)lua",
                                     lua_local("held", kNames.inbox_held(kNameA)), R"lua(
    if may_publish(place) then redis.pcall('HDEL', held, tenant) end
    redis.pcall('HINCRBY', held, tenant, 1)
  end
  if type(place) ~= 'string' then
)lua",
                                     kPredecessor, lua_local("waiting", kNames.waiting()), R"lua(
    redis.pcall('HSET', places, tenant, (reached > 0 and '~' or '') .. predecessor(entry))
    redis.pcall('SADD', waiting, channel)
  elseif reached == 0 and string.sub(place, 1, 1) == '~' then
    redis.pcall('HSET', places, tenant, string.sub(place, 2))
  end
end
)lua");

// Needs seen, seen_seconds, id. The key holds who published it and to how many. A repetition by the owner,
// after an answer that was lost, publishes again: who was counted may have been a subscription that was dead
// already.
constexpr const char* kSeen = R"lua(
local stored = false
if seen ~= '' then
  local before = redis.call('GET', seen)
  if before then
    local owner, taken = string.match(before, '^(%S+) (%d+)$')
    if owner ~= id then return -1 end
    stored = tonumber(taken) > 0
  end
end
)lua";

// Needs refused.
constexpr const char* kRefuse = R"lua(
  if refused ~= '' then redis.call('SET', refused, 1, 'EX', 60) end
  return -2
)lua";

}  // namespace

// inbox: the channel's stream. seen: the key of its dedupe id, kept for so many seconds; empty: none. waits:
// '1' when it is kept for an agent that comes later. refused: the key that says that the inbox was full for
// one before it, which the sender has promised to keep: then it may not pass; empty: there is none. first:
// '1' when nothing is on its way before it. Answers 1; -1: duplicate; -2: the inbox is full.
const Script submit({.keys = {"inbox"},
                     .arguments = {"prefix", "pubsub_prefix", "channel", "id", "envelope", "tenant", "seen",
                                   "seen_seconds", "most", "waits", "refused", "first"}},
                    joined(kTellAgents, kHandOver, kSeen, R"lua(
local place = redis.call('HGET', places, tenant)
local is_first = refused ~= '' and first == '1'
if stored then
  if may_publish(place) then tell_agents(envelope) end
  if is_first then redis.pcall('DEL', refused) end
  return 1
end
if refused ~= '' and not is_first and redis.call('EXISTS', refused) == 1 then return -2 end
local length = redis.call('XLEN', inbox)
most = tonumber(most)
-- What waits for nobody in particular is bounded for each tenant: none may hold more than is left for the others.
if tenant ~= '' and not may_publish(place) then
)lua",
                           lua_local("held", kNames.inbox_held(kNameA)), R"lua(
  if tonumber(redis.call('HGET', held, tenant) or '0') >= most - length then
)lua",
                           kRefuse, R"lua(
  end
end
if length >= most then
)lua",
                           inbox_locals(), kIds, kPlaces, kPutAside, R"lua(
  local oldest = redis.call('XRANGE', inbox, '-', '+', 'COUNT', 1)[1][1]
  local is_waited_for = false
  each_place('', function(_, other) is_waited_for = is_waited_for or before(id_of(other), oldest) end)
  if is_waited_for then
)lua",
                           kRefuse, R"lua(
  end
  -- Only groups have not done with it, and a group's backlog holds up nobody else.
  put_aside(oldest, 'reason', 'full')
  redis.call('INCR', aside)
  redis.call('XDEL', inbox, oldest)
  if before(redis.call('GET', removed) or '0-0', oldest) then redis.call('SET', removed, oldest) end
end
if seen ~= '' then redis.call('SET', seen, id .. ' 0', 'EX', seen_seconds) end
hand_over(envelope, waits == '1', place)
-- Only now: whatever a script writes before it lets the rest past Redis's bound on memory.
if is_first then redis.pcall('DEL', refused) end
if seen ~= '' then redis.pcall('SET', seen, id .. ' 1', 'KEEPTTL') end
return 1
)lua"));

// Without an inbox. Answers receivers; -1: duplicate.
const Script submit_by_pubsub({.arguments = {"pubsub_prefix", "channel", "id", "envelope", "tenant", "seen",
                                             "seen_seconds"}},
                              joined(kTellAgents, kSeen, R"lua(
if seen ~= '' and not stored then redis.call('SET', seen, id .. ' 0', 'EX', seen_seconds) end
local reached = tell_agents(envelope)
if seen ~= '' and reached > 0 then redis.pcall('SET', seen, id .. ' ' .. reached, 'KEEPTTL') end
return reached
)lua"));

// What a stopping instance leaves waiting, into the list `left_over`. An answer may have been lost: what
// Redis has already is not left again, and what is left counts as had, whoever still brings it. More: for
// each message its id, the key of its dedupe id (empty: none), and the entry. Answers how many it left.
const Script park({.keys = {"left_over", "parked"}, .arguments = {"channel", "seen_seconds"}},
                  joined("local function has(seen, id)\n", kSeen, R"lua(
return stored
end
local left = 0
for at = more, #ARGV, 3 do
  local id, seen = ARGV[at], ARGV[at + 1]
  if not has(seen, id) then
    if seen ~= '' then redis.call('SET', seen, id .. ' 1', 'EX', seen_seconds) end
    redis.call('RPUSH', left_over, ARGV[at + 2])
    redis.call('SADD', parked, channel)
    left = left + 1
  end
end
return left
)lua"));

// What a stopped instance left waiting in the list `left_over`; each is handed over and taken out in one
// step, as long as the inbox has room (inbox_most; empty: there is none). Answers handed over, expired, left.
const Script unpark({.keys = {"left_over", "parked", "inbox"},
                     .arguments = {"prefix", "pubsub_prefix", "channel", "now", "most", "inbox_most"}},
                    joined("local tenant = ''\n", kTellAgents, kHandOver, R"lua(
local delivered, expired = 0, 0
for i = 1, tonumber(most) do
  local entry = redis.call('LINDEX', left_over, 0)
  if not entry then break end
  local due, envelope
  tenant, due, envelope = string.match(entry, '^([^\n]*)\n(%d+)\n(.*)$')
  if tonumber(due) <= tonumber(now) then
    expired = expired + 1
  else
    if inbox_most ~= '' then
      if redis.call('XLEN', inbox) >= tonumber(inbox_most) then break end
      hand_over(envelope, true, redis.call('HGET', places, tenant))
    elseif tell_agents(envelope) == 0 then
      break
    end
    delivered = delivered + 1
  end
  redis.call('LPOP', left_over)
end
local left = redis.call('LLEN', left_over)
if left == 0 then redis.call('SREM', parked, channel) end
return {delivered, expired, left}
)lua"));

}  // namespace gw::redis::scripts
