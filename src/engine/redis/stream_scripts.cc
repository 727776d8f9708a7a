// A plain stream: a record and a log under a run's keys, and its producers, a hash. They do what
// core/run/plain_stream_machine.h says; Redis's clock is theirs, and its expiry is the stream's end.
//
// The record has a run's `state` (in_progress, completed), `at`, `bases`, `times` and `shape`, so that
// whoever reads and follows runs reads and follows it, and no channel, so that scripts of runs find no run.
// Besides:
//   stream   its Content-Type          media      the same without parameters, in lower case
//   life     ms without use            ttl        the same, 0 where none was asked for
//   expires  when it goes              fixed      1: that was asked for, and stays
//   seq      the last Stream-Seq, in hex digits: Redis compares letters by its locale
//   closed   producer epoch seq        turn       batches of producers so far
// A producer: epoch next turn digests   the digests of its last batches, each at its seq (modulo their
// number)
//
// What it counts for stands in `removed` from the beginning, so that whoever looks when it has gone by itself
// can undo that.
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

constexpr const char* kClock = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
)lua";

// Needs run, log, producers, removed, kept_ms. It goes at `at`.
constexpr const char* kExpire = R"lua(
local function expire(at)
  redis.call('HSET', run, 'expires', at)
  for _, key in ipairs({run, log, producers}) do redis.call('PEXPIREAT', key, at) end
  redis.call('PEXPIREAT', removed, at + kept_ms)
end
)lua";

}  // namespace

// expires: empty, or when it goes. status: its first. Codes: made, exists, removed (one of that name was, and
// what it counted for is not undone).
const Script put_stream({.keys = {"run", "log", "producers", "removed"},
                         .arguments = {"status", "bytes", "hash_a", "hash_b", "bytes_max", "format", "type",
                                       "media", "ttl", "life", "expires", "tenant", "realm", "kept_ms"}},
                        joined(kClock, kExpire, R"lua(
if redis.call('EXISTS', run) == 1 then return {'exists'} end
if redis.call('EXISTS', removed) == 1 then return {'removed'} end
-- One that made room for others has left these.
redis.call('DEL', log, producers)
local state, at = status .. ' 0 0 0', string.format('%d %s %s 0 %d', #bytes, hash_a, hash_b, now)
redis.call('HSET', run, 'state', state, 'at', at, 'owner', 0, 'beat_at', now, 'bases', 0,
  'times', now .. ' 0 0 0', 'shape', '1 0 0 ' .. bytes_max .. ' channel ' .. format, 'stream', type,
  'media', media, 'ttl', ttl, 'life', life, 'fixed', expires == '' and 0 or 1, 'turn', 0)
if status ~= 'in_progress' then redis.call('HSET', run, 'ended_at', now) end
if tenant ~= '' then redis.call('HSET', run, 'tenant_id', tenant) end
if realm ~= '' then redis.call('HSET', run, 'realm', realm) end
if #bytes > 0 then redis.call('SET', log, bytes) end
redis.call('HSET', removed, 'user', '', 'realm', realm, 'thread', '', 'asked', '')
expire(tonumber(expires) or now + life)
return {'made', state, at, redis.call('PTTL', run)}
)lua"));

// made_at: of the stream that the caller has read; another one of its name is not_found. media: of bytes.
// digest: of bytes and close. hash_a, hash_b: of the bytes; power_a, power_b: B^length. refused: empty, or
// with which code to answer where nothing else is wrong. seq: in hex digits. producer: empty for none. More
// in answers: the highest seq and how long it is kept (appended), the highest seq (duplicate), the epoch
// (fenced), the expected seq (sequence_gap).
const Script append_stream({.keys = {"run", "log", "producers", "removed"},
                            .arguments = {"changes", "made_at", "media", "bytes", "digest", "hash_a",
                                          "hash_b", "power_a", "power_b", "bytes_max", "refused", "close",
                                          "seq", "producer", "epoch", "number", "most", "batches",
                                          "kept_ms"}},
                           joined(kClock, kExpire, R"lua(
local r = redis.call('HMGET', run, 'state', 'at', 'stream', 'media', 'seq', 'closed', 'fixed', 'life', 'turn',
  'times')
if not r[3] or string.match(r[10], '^%d+') ~= made_at then return {'not_found'} end
local state, at = r[1], r[2]
local from, a, b, last_byte_at = string.match(at, '^(%d+) (%d+) (%d+) %d+ (%d+)$')
local is_open = string.match(state, '^%S+') == 'in_progress'
local function answer(code, ...) return {code, state, at, ...} end
if #bytes > 0 and media ~= r[4] then return answer('content_type') end

local digits = #digest
local number_of, known, known_epoch, next, digests = tonumber(number), false, -1, 0, string.rep('0', digits * batches)
local function place(of) return of % batches * digits end
if producer ~= '' then
  if r[6] == producer .. ' ' .. epoch .. ' ' .. number then return answer('duplicate', number) end
  known = redis.call('HGET', producers, producer)
  if known then
    local stored_epoch, stored_next, stored = string.match(known, '^(%d+) (%d+) %d+ (%x+)$')
    known_epoch = tonumber(stored_epoch)
    if tonumber(epoch) < known_epoch then return answer('fenced', stored_epoch) end
    if tonumber(epoch) == known_epoch then
      next, digests = tonumber(stored_next), stored
      if number_of < next then
        local is_it = number_of + batches >= next
          and string.sub(digests, place(number_of) + 1, place(number_of) + digits) == digest
        if is_it then return answer('duplicate', string.format('%.0f', next - 1)) end
        return answer('sequence_conflict')
      end
    end
  end
end
if not is_open then
  if #bytes == 0 and producer == '' then return answer('duplicate', '0') end
  return answer('closed')
end
if producer ~= '' then
  if known and tonumber(epoch) > known_epoch and number_of ~= 0 then return answer('invalid_argument') end
  if number_of ~= next then return answer('sequence_gap', string.format('%.0f', next)) end
end
if seq ~= '' and r[5] and seq <= r[5] then return answer('out_of_order') end
local pos = from + #bytes
if pos > tonumber(bytes_max) then return answer('too_large') end
if refused ~= '' then return answer(refused) end

local hash = string.format(' %d %d ', (a * power_a + hash_a) % 67108859, (b * power_b + hash_b) % 67108837)
if #bytes > 0 then
  redis.call('APPEND', log, bytes)
  last_byte_at = now
end
at = string.format('%d', pos) .. hash .. '0 ' .. last_byte_at
redis.call('HSET', run, 'at', at, 'beat_at', now)
if seq ~= '' then redis.call('HSET', run, 'seq', seq) end
if producer ~= '' then
  -- Who has been silent for longest gives way.
  if not known and redis.call('HLEN', producers) >= tonumber(most) then
    local all, oldest, least = redis.call('HGETALL', producers), nil, math.huge
    for i = 1, #all, 2 do
      local turn = tonumber(string.match(all[i + 1], '^%d+ %d+ (%d+)'))
      if turn < least then oldest, least = all[i], turn end
    end
    redis.call('HDEL', producers, oldest)
  end
  digests = string.sub(digests, 1, place(number_of)) .. digest .. string.sub(digests, place(number_of) + digits + 1)
  redis.call('HSET', producers, producer, epoch .. ' ' .. string.format('%.0f', number_of + 1) .. ' ' .. r[9] .. ' ' .. digests)
  redis.call('HSET', run, 'turn', r[9] + 1)
end
local what = 'A'
if close == '1' then
  what, state = 'T', 'completed 0 0 0'
  redis.call('HSET', run, 'state', state, 'ended_at', now)
  if producer ~= '' then redis.call('HSET', run, 'closed', producer .. ' ' .. epoch .. ' ' .. number) end
end
if r[7] == '0' then expire(now + r[8]) else expire(tonumber(redis.call('HGET', run, 'expires'))) end
redis.call('PUBLISH', changes, what .. ' 0 ' .. from .. hash .. string.match(state, '^%S+') .. '\n' .. bytes)
return answer('appended', producer ~= '' and number or '0', redis.call('PTTL', run))
)lua"));

// Somebody reads it.
const Script touch_stream({.keys = {"run", "log", "producers", "removed"},
                           .arguments = {"kept_ms"},
                           .without_memory = true},
                          joined(kClock, kExpire, R"lua(
local r = redis.call('HMGET', run, 'stream', 'fixed', 'life')
if r[1] and r[2] == '0' then expire(now + r[3]) end
return 1
)lua"));

// Deletes it. tenant, realm: empty: all. What `removed` says has to be undone. Codes: removed, not_found.
const Script remove_stream({.keys = {"run", "log", "producers", "removed"},
                            .arguments = {"changes", "tenant", "realm"},
                            .without_memory = true},
                           R"lua(
local r = redis.call('HMGET', run, 'stream', 'tenant_id', 'realm')
local is_reached = r[1] and (tenant == '' or tenant == (r[2] or '')) and (realm == '' or not r[3] or realm == r[3])
if not is_reached then return {'not_found'} end
redis.call('DEL', run, log, producers)
redis.call('PUBLISH', changes, 'R 0\n')
return {'removed'}
)lua");

}  // namespace gw::redis::scripts
