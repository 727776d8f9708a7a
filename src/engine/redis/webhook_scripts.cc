// Webhooks. Each stands behind a line with its realm (webhook_record.h).
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {

// how: 'new', or 'old' for one that is there. Answers 1; 0: there is none; -1: there are too many.
const Script put_webhook({.keys = {"webhooks", "revision"},
                          .arguments = {"changed", "id", "realm", "record", "how", "most", "realm_most"}},
                         R"lua(
if how == 'old' then
  if redis.call('HEXISTS', webhooks, id) == 0 then return 0 end
else
  if redis.call('HLEN', webhooks) >= tonumber(most) then return -1 end
  local all, of_realm = redis.call('HGETALL', webhooks), 0
  for at = 2, #all, 2 do
    if string.match(all[at], '^[^\n]*') == realm then of_realm = of_realm + 1 end
  end
  if of_realm >= tonumber(realm_most) then return -1 end
end
redis.call('HSET', webhooks, id, record)
redis.call('INCR', revision)
redis.pcall('PUBLISH', changed, '')
return 1
)lua");

// Answers 0 when there was none.
const Script remove_webhook({.keys = {"webhooks", "revision"}, .arguments = {"changed", "id"}}, R"lua(
if redis.call('HDEL', webhooks, id) == 0 then return 0 end
redis.call('INCR', revision)
redis.pcall('PUBLISH', changed, '')
return 1
)lua");

}  // namespace gw::redis::scripts
