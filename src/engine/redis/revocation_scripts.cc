// Revocations of tokens.
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {

// list, tenant_list: those of all and of the tenant (empty: none) by their end. All times in Unix ms. Answers
// 0 when there are too many.
const Script put_revocation({.keys = {"revoked", "list", "tenant_list"},
                             .arguments = {"digest", "tenant", "issued_until", "kept_until", "now", "most"}},
                            R"lua(
local function trim(list)
  local over = redis.call('ZRANGEBYSCORE', list, '-inf', now, 'LIMIT', 0, 100)
  if #over > 0 then redis.call('ZREM', list, unpack(over)) end
end
trim(list)
if tenant ~= '' then trim(tenant_list) end
local before = redis.call('GET', revoked)
if not before then
  local room = tonumber(most) - redis.call('ZCARD', list)
  if room <= 0 or (tenant ~= '' and redis.call('ZCARD', tenant_list) >= room) then return 0 end
elseif tonumber(before) > tonumber(issued_until) then
  issued_until = before
end
local ends = redis.call('ZSCORE', list, digest)
if ends and tonumber(ends) > tonumber(kept_until) then kept_until = string.format('%.0f', tonumber(ends)) end
redis.call('SET', revoked, issued_until)
redis.call('PEXPIREAT', revoked, kept_until)
local function keep(list)
  redis.call('ZADD', list, kept_until, digest)
  redis.call('PEXPIREAT', list, kept_until, redis.call('PTTL', list) < 0 and 'NX' or 'GT')
end
keep(list)
if tenant ~= '' then keep(tenant_list) end
return 1
)lua");

}  // namespace gw::redis::scripts
