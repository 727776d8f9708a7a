// What is kept beside runs, in slots of their own: when somebody should look, who has how many, what names
// one. Hints, but for the counts: a run's own scripts decide (run_scripts.cc).
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

constexpr const char* kClock = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
)lua";

// Needs kClock, open, kept, bytes. In `bytes` stand the bytes that each run may have, and under '*' their
// sum.
constexpr const char* kBytes = R"lua(
local function set_bytes(id, now_held)
  local before = tonumber(redis.call('HGET', bytes, id) or '0')
  redis.call('HINCRBY', bytes, '*', now_held - before)
  if now_held > 0 then redis.call('HSET', bytes, id, now_held) else redis.call('HDEL', bytes, id) end
end
-- What has gone by itself.
local function trim()
  redis.call('ZREMRANGEBYSCORE', open, '-inf', now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', kept, '-inf', now, 'LIMIT', 0, 500)) do
    set_bytes(id, 0)
    redis.call('ZREM', kept, id)
  end
end
)lua";

}  // namespace

// `due` has run `id` under the time in in_ms. how: '' (whatever it had), 'LT' (no later), 'NX' (unless it had
// one).
const Script due_run({.keys = {"due"},
                      .arguments = {"id", "in_ms", "how", "kept_ms"},
                      .without_memory = true},
                     joined(kClock, R"lua(
if how == '' then redis.call('ZADD', due, now + in_ms, id) else redis.call('ZADD', due, how, now + in_ms, id) end
redis.call('PEXPIRE', due, kept_ms)
return 1
)lua"));

// Run `id` is pushed: the latest `most` are kept, and everybody is told.
const Script push_run({.keys = {"list"}, .arguments = {"id", "most", "kept_ms", "channel", "notice"}},
                      joined(kClock, R"lua(
redis.call('ZADD', list, now, id)
redis.call('ZREMRANGEBYRANK', list, 0, -most - 1)
redis.call('PEXPIRE', list, kept_ms)
return redis.call('PUBLISH', channel, notice)
)lua"));

// Answers Redis's time, then some runs that are due. Whoever gets one has hold_ms to look at it; then the
// next one may.
const Script pick_runs({.keys = {"due"}, .arguments = {"most", "hold_ms"}, .without_memory = true},
                       joined(kClock, R"lua(
local ids = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, most)
for _, id in ipairs(ids) do redis.call('ZADD', due, now + hold_ms, id) end
table.insert(ids, 1, math.floor(now))
return ids
)lua"));

// Makes room for run `id` among those of somebody: open_most of them may be open, kept_most kept (0: any). It
// counts for hold_ms unless it is counted again, then with 0 and 0. Answers 0 when too many are open, -1 when
// too many are kept and none is over, 2 when it counts already, open or over, else 1; then those that have to
// go because too many are kept.
const Script count_run({.keys = {"open", "kept", "bytes"},
                        .arguments = {"id", "hold_ms", "open_most", "kept_most", "keys_ms"}},
                       joined(kClock, kBytes, R"lua(
trim()
open_most, kept_most = tonumber(open_most), tonumber(kept_most)
local counted = redis.call('ZSCORE', kept, id) and 2 or 1
if counted == 2 and (open_most > 0 or kept_most > 0) then return {2} end
if open_most > 0 and counted == 1 and redis.call('ZCARD', open) >= open_most then return {0} end
local out = {counted}
local over = kept_most > 0 and redis.call('ZCARD', kept) + 1 - kept_most or 0
if over > 0 then
  for _, other in ipairs(redis.call('ZRANGE', kept, 0, -1)) do
    if over == 0 then break end
    if not redis.call('ZSCORE', open, other) then
      out[#out + 1] = other
      redis.call('ZREM', kept, other)
      set_bytes(other, 0)
      over = over - 1
    end
  end
end
if over > 0 and counted == 1 then return {-1} end
redis.call('ZADD', open, 'GT', now + hold_ms, id)
redis.call('ZADD', kept, 'GT', now + hold_ms, id)
redis.call('PEXPIRE', open, keys_ms)
redis.call('PEXPIRE', kept, keys_ms)
return out
)lua"));

// Run `id` is over with `size` bytes, and kept for kept_ms more; 0: it is gone.
const Script uncount_run({.keys = {"open", "kept", "bytes"},
                          .arguments = {"id", "kept_ms", "size"},
                          .without_memory = true},
                         joined(kClock, kBytes, R"lua(
redis.call('ZREM', open, id)
if kept_ms == '0' then
  redis.call('ZREM', kept, id)
  set_bytes(id, 0)
else
  if redis.call('HEXISTS', bytes, id) == 1 then set_bytes(id, tonumber(size)) end
  redis.call('ZADD', kept, 'XX', now + kept_ms, id)
end
return 1
)lua"));

// Run `id` may have so many bytes: `wanted`, or `needed` where there is no more room. Of those that are over
// the oldest logs give way. Answers what it may have (0: there is no room), then the runs whose logs have to
// go. most: 0 for any.
const Script reserve_run({.keys = {"open", "kept", "bytes"},
                          .arguments = {"id", "needed", "wanted", "most", "keys_ms"}},
                         joined(kClock, kBytes, R"lua(
trim()
needed, wanted, most = tonumber(needed), tonumber(wanted), tonumber(most)
local others = tonumber(redis.call('HGET', bytes, '*') or '0') - tonumber(redis.call('HGET', bytes, id) or '0')
local out = {0}
if most > 0 and others + needed > most then
  for _, other in ipairs(redis.call('ZRANGE', kept, 0, -1)) do
    local held = tonumber(redis.call('HGET', bytes, other) or '0')
    if held > 0 and other ~= id and not redis.call('ZSCORE', open, other) then
      set_bytes(other, 0)
      out[#out + 1] = other
      others = others - held
      if others + needed <= most then break end
    end
  end
end
if most == 0 or others + wanted <= most then
  out[1] = wanted
elseif others + needed <= most then
  out[1] = needed
else
  return out
end
-- What has bytes stands in kept: it is what gives them back.
if not redis.call('ZSCORE', kept, id) then redis.call('ZADD', kept, now + keys_ms, id) end
set_bytes(id, out[1])
redis.call('PEXPIRE', kept, keys_ms)
redis.call('PEXPIRE', bytes, keys_ms)
return out
)lua"));

// What `name` (of a thread, of what was asked) names: run `id` from now on, for ms, unless it names another
// than `instead_of`; '*': whatever it names. Answers what it names then.
const Script name_run({.keys = {"name"}, .arguments = {"id", "instead_of", "ms"}}, R"lua(
local named = redis.call('GET', name)
if named and instead_of ~= '*' and named ~= id and named ~= instead_of then return named end
redis.call('SET', name, id, 'PX', ms)
return id
)lua");

// `name` names run `id` for ms more; 0: no longer. One that names another stays.
const Script unname_run({.keys = {"name"}, .arguments = {"id", "ms"}, .without_memory = true}, R"lua(
if redis.call('GET', name) ~= id then return 0 end
redis.call('PEXPIRE', name, ms)
return 1
)lua");

}  // namespace gw::redis::scripts
