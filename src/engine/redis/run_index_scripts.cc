// What is kept beside runs, in slots of their own: when somebody should look, who has how many, what names
// one. Hints, but for the counts: a run's own scripts decide (run_scripts.cc).
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

constexpr const char* kClock = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
)lua";

// Needs kClock, open, kept, bytes, logs. In `bytes` stand the bytes that each run may have, and under '*'
// their sum; in `logs` those of them that are over, by when they go.
constexpr const char* kBytes = R"lua(
local function set_bytes(id, now_held)
  local before = tonumber(redis.call('HGET', bytes, id) or '0')
  redis.call('HINCRBY', bytes, '*', now_held - before)
  if now_held > 0 then
    redis.call('HSET', bytes, id, now_held)
  else
    redis.call('HDEL', bytes, id)
    redis.call('ZREM', logs, id)
  end
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

// `runs` has run `id`, by the microsecond of its making; those that can't be kept any more go.
const Script list_run({.keys = {"runs"}, .arguments = {"id", "kept_ms"}}, joined(kClock, R"lua(
redis.call('ZADD', runs, 'NX', time[1] * 1000000 + time[2], id)
redis.call('ZREMRANGEBYSCORE', runs, '-inf', string.format('(%.0f', (now - kept_ms) * 1000))
redis.call('PEXPIRE', runs, kept_ms)
return 1
)lua"));

// `due` has run `id` under the time in in_ms. how: '' (whatever it had), 'LT' (no later).
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
for _, old in ipairs(redis.call('ZRANGE', list, 0, -1 - most)) do redis.call('ZREM', list, old) end
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
const Script count_run({.keys = {"open", "kept", "bytes", "logs"},
                        .arguments = {"id", "hold_ms", "open_most", "kept_most", "keys_ms"}},
                       joined(kClock, kBytes, R"lua(
trim()
open_most, kept_most = tonumber(open_most), tonumber(kept_most)
local counted = redis.call('ZSCORE', kept, id) and 2 or 1
if counted == 2 and (open_most > 0 or kept_most > 0) then return {2} end
if open_most > 0 and counted == 1 and redis.call('ZCARD', open) >= open_most then return {0} end
local out = {counted}
local over = kept_most > 0 and redis.call('ZCARD', kept) + 1 - kept_most or 0
-- Those that are over go first of all that are kept, so this seldom looks at more than the first.
local from = 0
while over > 0 do
  local others = redis.call('ZRANGE', kept, from, from + 99)
  for _, other in ipairs(others) do
    if over == 0 then break end
    if redis.call('ZSCORE', open, other) then
      from = from + 1
    else
      out[#out + 1] = other
      redis.call('ZREM', kept, other)
      set_bytes(other, 0)
      over = over - 1
    end
  end
  if #others < 100 then break end
end
if over > 0 and counted == 1 then return {-1} end
redis.call('ZADD', open, 'GT', now + hold_ms, id)
redis.call('ZADD', kept, 'GT', now + hold_ms, id)
redis.call('PEXPIRE', open, keys_ms)
redis.call('PEXPIRE', kept, keys_ms)
return out
)lua"));

// Run `id` is over with `size` bytes, and kept for kept_ms more; 0: it is gone. keys_ms: empty where one that
// does not count (any more) is not to be counted again.
const Script uncount_run({.keys = {"open", "kept", "bytes", "logs"},
                          .arguments = {"id", "kept_ms", "size", "keys_ms"},
                          .without_memory = true},
                         joined(kClock, kBytes, R"lua(
redis.call('ZREM', open, id)
if kept_ms == '0' then
  redis.call('ZREM', kept, id)
  set_bytes(id, 0)
else
  local counts = keys_ms ~= ''
  if counts then
    redis.call('ZADD', kept, now + kept_ms, id)
    redis.call('PEXPIRE', kept, keys_ms)
  else
    redis.call('ZADD', kept, 'XX', now + kept_ms, id)
  end
  if redis.call('HEXISTS', bytes, id) == 1 or (counts and size ~= '0') then
    set_bytes(id, tonumber(size))
    if counts then redis.call('PEXPIRE', bytes, keys_ms) end
    if tonumber(size) > 0 then
      redis.call('ZADD', logs, now + kept_ms, id)
      redis.call('PEXPIRE', logs, math.max(tonumber(kept_ms), redis.call('PTTL', logs)))
    end
  end
end
return 1
)lua"));

// Run `id` may have so many bytes: `wanted` while half of them are nobody's, then `little`, or `needed` where
// there is no more room. Of those that are over
// the oldest logs give way. Answers what it may have (0: there is no room), then the runs whose logs have to
// go. most: 0 for any.
const Script reserve_run({.keys = {"open", "kept", "bytes", "logs"},
                          .arguments = {"id", "needed", "wanted", "little", "most", "keys_ms"}},
                         joined(kClock, kBytes, R"lua(
trim()
-- It is over: what it has was counted with its end.
if redis.call('ZSCORE', kept, id) and not redis.call('ZSCORE', open, id) then return {0} end
needed, wanted, little, most = tonumber(needed), tonumber(wanted), tonumber(little), tonumber(most)
local others = tonumber(redis.call('HGET', bytes, '*') or '0') - tonumber(redis.call('HGET', bytes, id) or '0')
local out = {0}
if most > 0 and others + needed > most then
  for _, other in ipairs(redis.call('ZRANGE', logs, 0, 999)) do
    if other ~= id then
      others = others - tonumber(redis.call('HGET', bytes, other) or '0')
      set_bytes(other, 0)
      out[#out + 1] = other
      if others + needed <= most then break end
    end
  end
end
if most == 0 or others + wanted <= most / 2 then
  out[1] = wanted
elseif others + little <= most then
  out[1] = little
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

// What a run counted for is undone. `removed` of a plain stream that has its name now stays.
const Script forget_run({.keys = {"run", "removed"}, .without_memory = true}, R"lua(
if redis.call('EXISTS', run) == 1 then return 0 end
return redis.call('DEL', removed)
)lua");

// What `name` (of what was asked) names: run `id` from now on, for ms, unless it names another than
// `instead_of`. Answers what it names then.
const Script name_run({.keys = {"name"}, .arguments = {"id", "instead_of", "ms"}}, R"lua(
local named = redis.call('GET', name)
if named and named ~= id and named ~= instead_of then return named end
redis.call('SET', name, id, 'PX', ms)
return id
)lua");

// It does so no longer. One that names another stays.
const Script unname_run({.keys = {"name"}, .arguments = {"id"}, .without_memory = true}, R"lua(
if redis.call('GET', name) ~= id then return 0 end
return redis.call('DEL', name)
)lua");

// `thread` has one more run, the latest, for ms; so many of them are known.
const Script name_thread({.keys = {"thread"}, .arguments = {"id", "most", "ms"}}, joined(kClock, R"lua(
redis.call('ZADD', thread, time[1] * 1000000 + time[2], id)
for _, old in ipairs(redis.call('ZRANGE', thread, 0, -1 - most)) do redis.call('ZREM', thread, old) end
redis.call('PEXPIRE', thread, math.max(tonumber(ms), redis.call('PTTL', thread)))
return 1
)lua"));

// Run `id` is known of `thread` for ms more; 0: it is gone.
const Script unname_thread({.keys = {"thread"}, .arguments = {"id", "ms"}, .without_memory = true}, R"lua(
if ms == '0' then return redis.call('ZREM', thread, id) end
if not redis.call('ZSCORE', thread, id) then return 0 end
local left = redis.call('ZCARD', thread) > 1 and redis.call('PTTL', thread) or 0
redis.call('PEXPIRE', thread, math.max(tonumber(ms), left))
return 1
)lua");

}  // namespace gw::redis::scripts
