// What is kept beside runs, in slots of their own: when somebody should look, who has how many, what names
// one. Hints, but for the counts: a run's own scripts decide (run_scripts.cc).
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

constexpr const char* kClock = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
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
// counts for hold_ms unless it is counted again, then with 0 and 0. Answers 0 when too many are open, 2 when
// it counted before, else 1; then those that have to go because too many are kept.
const Script count_run({.keys = {"open", "kept"},
                        .arguments = {"id", "hold_ms", "open_most", "kept_most", "keys_ms"}},
                       joined(kClock, R"lua(
local counted = redis.call('ZSCORE', open, id) and 2 or 1
redis.call('ZREMRANGEBYSCORE', open, '-inf', now)
redis.call('ZREMRANGEBYSCORE', kept, '-inf', now)
open_most, kept_most = tonumber(open_most), tonumber(kept_most)
if open_most > 0 and counted == 1 and redis.call('ZCARD', open) >= open_most then return {0} end
local out = {counted}
local over = kept_most > 0 and redis.call('ZCARD', kept) + 1 - kept_most or 0
if over > 0 then
  for _, other in ipairs(redis.call('ZRANGE', kept, 0, -1)) do
    if over == 0 then break end
    if not redis.call('ZSCORE', open, other) then
      out[#out + 1] = other
      redis.call('ZREM', kept, other)
      over = over - 1
    end
  end
end
redis.call('ZADD', open, now + hold_ms, id)
redis.call('ZADD', kept, now + hold_ms, id)
redis.call('PEXPIRE', open, keys_ms)
redis.call('PEXPIRE', kept, keys_ms)
return out
)lua"));

// Run `id` is over, and kept for kept_ms more; 0: it is gone.
const Script uncount_run({.keys = {"open", "kept"}, .arguments = {"id", "kept_ms"}, .without_memory = true},
                         joined(kClock, R"lua(
redis.call('ZREM', open, id)
if kept_ms == '0' then
  redis.call('ZREM', kept, id)
else
  redis.call('ZADD', kept, 'XX', now + kept_ms, id)
end
return 1
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
