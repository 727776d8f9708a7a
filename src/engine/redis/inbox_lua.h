// What the scripts of an inbox share. A function costs each run that makes it as much as a call, and an
// argument a third of that: each script takes the pieces it needs, and makes names of three arguments.
#pragma once

#include "engine/redis/keys.h"
#include "engine/redis/script.h"

namespace gw::redis::scripts {

// Every name of the inbox but the stream's own. Needs prefix, pubsub_prefix, channel.
inline std::string inbox_locals() {
  const Keys names("", "", 0);
  return joined(lua_local("places", names.inbox_places(kNameA)), lua_local("held", names.inbox_held(kNameA)),
                lua_local("aside", names.inbox_aside(kNameA)), lua_local("fed", names.inbox_fed(kNameA)),
                lua_local("removed", names.inbox_removed(kNameA)), lua_local("waiting", names.waiting()),
                lua_local("dead", names.dead_letters(kNameA)),
                lua_local("entries", names.entries(kNameA), "pubsub_prefix"),
                lua_local("tenant_entries", names.entries(kNameA, ""), "pubsub_prefix"));
}

inline constexpr const char* kPredecessor = R"lua(
-- The largest id below that of an entry.
local function predecessor(id)
  local ms, seq = string.match(id, '(%d+)-(%d+)')
  if seq ~= '0' then return ms .. '-' .. string.format('%.0f', tonumber(seq) - 1) end
  return string.format('%.0f', tonumber(ms) - 1) .. '-18446744073709551615'
end
)lua";

inline constexpr const char* kIds = R"lua(
-- Whether entry a is older than b.
local function before(a, b)
  local a_ms, a_seq = string.match(a, '(%d+)-(%d+)')
  local b_ms, b_seq = string.match(b, '(%d+)-(%d+)')
  if #a_ms ~= #b_ms then return #a_ms < #b_ms end
  if a_ms ~= b_ms then return a_ms < b_ms end
  if #a_seq ~= #b_seq then return #a_seq < #b_seq end
  return a_seq < b_seq
end
local function field(fields, name)
  for i = 1, #fields, 2 do
    if fields[i] == name then return fields[i + 1] end
  end
end
)lua";

// Needs inbox, dead.
inline constexpr const char* kPutAside = R"lua(
-- What nobody will do becomes a dead letter, with what there is to say of it. Answers how many that is.
local function put_aside(id, ...)
  local entry = redis.call('XRANGE', inbox, id, id)[1]
  if not entry then return 0 end
  local fields = entry[2]
  for _, word in ipairs({'inbox_id', id, ...}) do fields[#fields + 1] = word end
  redis.call('XADD', dead, 'MAXLEN', '~', 10000, '*', unpack(fields))
  return 1
end
)lua";

// Needs kIds, inbox, places, held, waiting, channel.
inline constexpr const char* kPlaces = R"lua(
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
  redis.call('SADD', waiting, channel)
end
local function clear_place(tenant)
  redis.call('HDEL', places, tenant)
  redis.call('HDEL', held, tenant)
  if redis.call('EXISTS', places) == 0 then redis.call('SREM', waiting, channel) end
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

}  // namespace gw::redis::scripts
