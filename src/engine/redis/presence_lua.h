// What changes who is on a channel. A list is a sorted set of "<user> <instance>" (neither holds a blank), so
// that a user's places on all instances stand together; an instance's own list is a set of
// "<channel> <tenant> <user>", so that what it leaves behind is found.
#pragma once

#include <string>

#include "engine/redis/keys.h"
#include "engine/redis/script.h"

namespace gw::redis::scripts {

// Needs prefix, pubsub_prefix, now_ms, members_max.
inline std::string presence_lua() {
  const Keys names("", "", 0);
  return joined(lua_name("presence", names.presence(kNameA, kNameB)),
                lua_name("presence_revision", names.presence_revision(kNameA, kNameB)),
                lua_name("presence_changed", names.presence_changed(kNameA), "pubsub_prefix"),
                lua_name("gateway_presence", names.gateway_presence(kNameA)), R"lua(
-- The revision grows, also where the last one has been forgotten: no client is connected for a day without it.
local function say(event, channel, tenant, user)
  local at = presence_revision(tenant, channel)
  local revision = math.max(tonumber(now_ms), tonumber(redis.call('GET', at) or '0') + 1)
  redis.call('SET', at, string.format('%.0f', revision), 'PX', 86400000)
  redis.call('PUBLISH', presence_changed(channel), cjson.encode({
    event = event, tenant_id = tenant, user_id = user, revision = string.format('%.0f', revision)}))
end
local function is_on(list, user)
  return #redis.call('ZRANGEBYLEX', list, '[' .. user .. ' ', '(' .. user .. '!', 'LIMIT', 0, 1) > 0
end
local function changed(event, list, channel, tenant, user, is_news)
  local most, places = tonumber(members_max), redis.call('ZCARD', list)
  if event == 'join' and places == most + 1 then return say('suspended', channel, tenant, '') end
  if event == 'leave' and places == most then return say('refresh', channel, tenant, '') end
  if is_news and places <= most then say(event, channel, tenant, user) end
end
local function enter(member, instance)
  local channel, tenant, user = string.match(member, '^([^ ]+) ([^ ]*) (.+)$')
  local list = presence(tenant, channel)
  local is_news = not is_on(list, user)
  redis.call('SADD', gateway_presence(instance), member)
  if redis.call('ZADD', list, 0, user .. ' ' .. instance) == 1 then
    changed('join', list, channel, tenant, user, is_news)
  end
end
local function forget(member, instance)
  local channel, tenant, user = string.match(member, '^([^ ]+) ([^ ]*) (.+)$')
  local list = presence(tenant, channel)
  redis.call('SREM', gateway_presence(instance), member)
  if redis.call('ZREM', list, user .. ' ' .. instance) == 1 then
    changed('leave', list, channel, tenant, user, not is_on(list, user))
  end
end
)lua");
}

}  // namespace gw::redis::scripts
