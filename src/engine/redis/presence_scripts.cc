// Who is on a channel: what an instance says of its own users, and what everybody asks.
#include "engine/redis/presence_lua.h"
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

const Keys kNames("", "", 0);

}  // namespace

// More: for each user '1' (it has come) or '0', and "<channel> <tenant> <user>".
const Script tell_presence({.arguments = {"prefix", "pubsub_prefix", "me", "now_ms", "members_max"},
                            .without_memory = true},
                           joined(presence_lua(), R"lua(
for at = more, #ARGV, 2 do
  if ARGV[at] == '1' then enter(ARGV[at + 1], me) else forget(ARGV[at + 1], me) end
end
return 1
)lua"));

// list, revision: of one channel and tenant. Answers the revision, 1 when that is all, and the users; none
// whose instances have all lost their lease.
const Script list_presence({.keys = {"list", "revision"},
                            .arguments = {"prefix", "members_max"},
                            .without_memory = true},
                           joined(lua_name("lease", kNames.lease(kNameA)), R"lua(
local most, is_whole = tonumber(members_max), 1
if redis.call('ZCARD', list) > most then is_whole = 0 end
local out, known, last = {redis.call('GET', revision) or '0', is_whole}, {}, nil
for _, place in ipairs(redis.call('ZRANGEBYLEX', list, '-', '+', 'LIMIT', 0, most)) do
  local user, instance = string.match(place, '^([^ ]+) (.+)$')
  if known[instance] == nil then known[instance] = redis.call('EXISTS', lease(instance)) == 1 end
  if known[instance] and user ~= last then
    out[#out + 1] = user
    last = user
  end
end
return out
)lua"));

}  // namespace gw::redis::scripts
