// A run: its record, a hash, and its log, a string. They do what core/run/run_machine.h says; Redis's clock
// is theirs. What an engine that slept for all of us has not let anybody renew counts as renewed when it came
// back: awake_ms is how long the caller has heard it without a break.
//
// The record's fields are few and hardly any is longer than 64 bytes (a trace is, or a long name), so that
// Redis keeps it as a list, and those that every append asks for are the first of it:
//   state    status epoch cancel lease             cancel: 1, somebody asked for its end
//   at       pos a b next last_byte_at             a, b: the log's hash; next: the owner's next seq
//   owner    epoch microseconds                    of the last claim, which no other has both of; 0: none
//   beat_at                                        when the owner was heard: by a claim, a heartbeat, an
//   append bases    pos,pos,...                           where each epoch began times    created_at
//   start_until life_until gone_at shape    is_realms push retention bytes_max kind format claim    pos a b
//   takeover                      of the last claim, and what it left of the log s0..s15  pos a b digest
//   after the batch of that seq (modulo 16)
// The rest stands for itself; one that is empty is not there.
//
// Each answers {code, state, at, ...}: a word, and what the run is then; of one that is not there, or out of
// reach, 'not_found' alone. What is said on `changes` is in run_replica.h.
#include "engine/redis/run_lua.h"
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

// The two scripts of an append, around what a framed run needs beside.
constexpr const char* kAppendKnown = R"lua(
local r = redis.call('HMGET', run, 'state', 'at', 'owner')
if r[3] ~= owner then return {'other'} end
local state, at = r[1], r[2]
local status, epoch, rest = string.match(state, '^(%S+) (%d+) (.*)$')
local from, a, b, expected, last_byte_at = string.match(at, '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
local slot = string.format('s%d', seq % 16)
local ahead = seq - expected
if ahead < 0 then
  if ahead < -16 then return {'sequence_conflict', state, at} end
  local receipt = redis.call('HGET', run, slot)
  if string.sub(receipt, -#digest) ~= digest then return {'sequence_conflict', state, at} end
  return {'duplicate', state, receipt}
end
if status ~= 'in_progress' then return {'ended', state, at} end
if ahead > 0 then return {'sequence_gap', state, at, expected} end
)lua";
constexpr const char* kAppendNew = R"lua(
local length = #bytes
local pos = from + length
if pos > tonumber(bytes_max) then return {'too_large', state, at} end
if refused ~= '' then return {refused, state, at} end

-- Lua's own way from a number to a text is far slower.
local time = redis.call('TIME')
local now = string.format('%s%03d', time[1], time[2] / 1000)
local hash = string.format(' %d %d ', (a * power_a + hash_a) % 67108859, (b * power_b + hash_b) % 67108837)
local top = string.format('%d', pos) .. hash
if length == 0 then
  at = string.format('%s%d %s', top, seq + 1, last_byte_at)
  redis.call('HSET', run, 'at', at, 'beat_at', now, slot, top .. digest)
else
  at = string.format('%s%d %s', top, seq + 1, now)
  redis.call('HSET', run, 'at', at, 'beat_at', now, slot, top .. digest)
  redis.call('APPEND', log, bytes)
  if from == '0' or expected == '0' then
    local first = redis.call('HMGET', run, 'times', 'trace', 'first_byte_at')
    redis.call('PEXPIREAT', log, string.match(first[1], '%d+$'))
    if first[2] and not first[3] then redis.call('HSET', run, 'first_byte_at', now) end
  end
end
local change = ' ' .. epoch .. ' ' .. from .. hash
if ending == '' then
  if length > 0 then redis.call('PUBLISH', changes, 'A' .. change .. status .. '\n' .. bytes) end
  return {'appended', state, at}
end
state = ending .. ' ' .. epoch .. ' ' .. rest
redis.call('HSET', run, 'state', state, 'ended_at', now)
for i, name in ipairs({'error_code', 'error_message', 'result'}) do
  if ARGV[more + i - 1] ~= '' then redis.call('HSET', run, name, ARGV[more + i - 1]) end
end
local facts = redis.call('HMGET', run, 'shape', 'user', 'realm', 'thread', 'asked', 'trace', 'channel', 'times',
  'ended_at', 'error_code', 'first_claim_at', 'first_byte_at')
facts[1] = string.match(facts[1], '^%d %d (%d+)')
facts[8] = string.match(facts[8], '^%d+')
redis.call('PEXPIRE', run, facts[1])
redis.call('PEXPIRE', log, facts[1])
redis.call('PUBLISH', changes, 'T' .. change .. ending .. '\n' .. bytes)
return {'appended', state, at, unpack(facts)}
)lua";

}  // namespace

// owner: the run's, as it was when the caller found that it may append; where it is another, or there is no
// run, 'other' is answered alone. digest: of bytes and end. hash_a, hash_b: of the bytes; power_a, power_b:
// B^length. bytes_max: of the log. refused: empty, or with which code to answer where nothing else is wrong.
// ending: empty, or with which status the run ends; then follow error_code, error_message and result. More in
// answers: the expected seq (sequence_gap), RunCounted (an end). Of all scripts this one runs by far the most
// often: few arguments and fields, and numbers become text once.
const Script append_run({.keys = {"run", "log"},
                         .arguments = {"changes", "owner", "seq", "digest", "bytes", "hash_a", "hash_b",
                                       "power_a", "power_b", "bytes_max", "refused", "ending"}},
                        joined(kAppendKnown, kAppendNew));

// The same of a framed run. bytes: with its frames, made for the log as it was `seen` (its place, hash and
// next seq); where it is another now, 'other' is answered, too. digest: of what the owner has said.
const Script append_framed_run({.keys = {"run", "log"},
                                .arguments = {"changes", "owner", "seq", "digest", "bytes", "hash_a",
                                              "hash_b", "power_a", "power_b", "bytes_max", "refused",
                                              "ending", "seen"}},
                               joined(kAppendKnown, R"lua(
if string.sub(at, 1, #seen + 1) ~= seen .. ' ' then return {'other'} end
)lua",
                                      kAppendNew));

// Renews the lease. epoch_shown: of the caller's claim. More in answers: the epoch of the last claim
// (fenced).
const Script beat_run({.keys = {"run"},
                       .arguments = {"channels", "tenant", "realm", "producer", "epoch_shown"}},
                      joined(kReach, R"lua(
local r = redis.call('HMGET', run, 'state', 'at', 'owner', 'producer', 'channel', 'tenant_id', 'realm', 'shape')
local state, at = r[1], r[2]
if not state or not reached(r[5], r[6], r[7], string.sub(r[8], 1, 1)) then return {'not_found'} end
local claim_epoch = string.match(r[3], '^%d+')
if r[4] ~= producer or claim_epoch ~= epoch_shown or claim_epoch == '0' then
  return {'fenced', state, at, claim_epoch}
end
if string.match(state, '^%S+') ~= 'in_progress' then return {'ended', state, at} end
)lua",
                             kClock, R"lua(
redis.call('HSET', run, 'beat_at', now)
return {'beat', state, at}
)lua"));

// how: 'create' and 'claim' (more: the new run's fields and values), 'create' alone, 'claim' alone. For a run
// that is made: start_ms, life_ms, retention_ms. keep: empty for all; keep_a, keep_b: the hash of so much as
// the caller knows the log, which was seen_pos long in seen_epoch with seen_a, seen_b; keep_fits: '1' when it
// cuts neither character nor line. known: the highest epoch that anybody has heard of. head, head_at: of a
// run that is made, what its log begins with, and the place and hash behind that. A framed log is not cut: it
// gets the frames 'opening'. Codes: claimed, repeated, created, exists, ended, held (the lease's rest),
// moved, again (the caller knows the log too badly), too_large (there are no such frames), removed (one of
// that id was, and what it counted for is not undone). More in the answer claimed: realm, user. In ended:
// what kEnd has counted, when it ended here.
const Script claim_run({.keys = {"run", "log", "removed"},
                        .arguments = {"makes",    "claims",   "changes",      "channels",     "tenant",
                                      "realm",    "producer", "token",        "digest",       "keep",
                                      "keep_a",   "keep_b",   "keep_fits",    "seen_epoch",   "seen_pos",
                                      "seen_a",   "seen_b",   "epoch_wanted", "known",        "force",
                                      "lease",    "takeover", "group",        "delivery",     "of_realm",
                                      "awake_ms", "start_ms", "life_ms",      "retention_ms", "head",
                                      "head_at",  "seen"}},
                       joined(kReach, kClock, R"lua(
if makes == '1' and redis.call('EXISTS', run) == 0 then
  if redis.call('EXISTS', removed) == 1 then return {'removed'} end
  local gone_at = now + life_ms + retention_ms
  redis.call('HSET', run, 'state', 'queued 0 0 0', 'at', head_at .. ' 0 ' .. now, 'owner', 0, 'beat_at', now, 'bases', 0,
    'times', now .. ' ' .. now + start_ms .. ' ' .. now + life_ms .. ' ' .. gone_at, unpack(ARGV, more))
  redis.call('PEXPIREAT', run, gone_at)
  if head ~= '' then redis.call('SET', log, head, 'PXAT', gone_at) end
  makes = 'made'
end
)lua",
                              kRecord, kFrames, kEnd, kLease, R"lua(
if makes == 'made' then
  if claims ~= '1' then return answer('created') end
elseif makes == '1' then
  if token == '' or r.token ~= token then return answer('exists') end
  digest = r.claim_digest
elseif not status or not reached(r.channel, r.tenant_id, r.realm, is_realms) then
  return {'not_found'}
end
if token ~= '' and token == r.token then
  if digest ~= r.claim_digest then return answer('moved') end
  epoch = string.match(r.owner, '^%d+')
  pos, a, b = string.match(r.claim, '^(%d+) (%d+) (%d+)')
  return answer('repeated')
end
if token ~= '' and string.find(r.tokens, '\n' .. token .. '\n', 1, true) then return answer('moved') end
if is_over() then return answer('ended') end
if status == 'in_progress' and r.producer ~= producer and force ~= '1' and lease_end() > now then
  return answer('held', lease_end() - now)
end
if epoch_wanted ~= '' and tonumber(epoch_wanted) < epoch then return answer('moved') end
local opens = framed and keep ~= ''
if opens then
  if not are_seen() then return answer('again') end
  if not frames.opening then return answer('too_large') end
end
if keep == '' or framed then
  keep = pos
else
  keep = tonumber(keep)
  if keep > pos then return answer('moved') end
  if keep < pos then
    local seen = tonumber(seen_pos)
    if tonumber(seen_epoch) ~= epoch or seen > pos or seen < keep
      or (seen == pos and (tonumber(seen_a) ~= a or tonumber(seen_b) ~= b)) then
      return answer('again')
    end
    if keep_fits ~= '1' then return answer('moved') end
  end
end
local new = math.max(epoch, tonumber(known)) + 1
if new > 9998 then
  if not are_seen() then return answer('again') end
  finish('failed', 'too_many_claims', 'the run was claimed too often')
  return answer('ended', retention, r.user, r.realm, r.thread, r.asked, unpack(traced))
end
if keep < pos then
  local kept = keep > 0 and redis.call('GETRANGE', log, 0, keep - 1) or ''
  redis.call('DEL', log)
  if keep > 0 then redis.call('SET', log, kept, 'PXAT', gone_at) end
  pos, a, b = keep, tonumber(keep_a), tonumber(keep_b)
end
-- The last eight tokens before this one.
local tokens = r.tokens
if r.token ~= '' then
  tokens = (tokens == '' and '\n' or tokens) .. r.token .. '\n'
  local _, count = string.gsub(tokens, '\n', '')
  if count > 9 then tokens = string.match(tokens, '^\n[^\n]*(\n.*)$') end
end
local bases = r.bases .. string.rep(',' .. pos, new - epoch)
local microseconds = time[1] .. string.sub(1000000 + time[2], 2)
status, epoch, lease_ms, expected = 'in_progress', new, tonumber(lease), 0
if pos == 0 then last_byte_at = now end
local told = string.format('E %d %d %d %d in_progress\n', epoch, pos, a, b)
if opens then add_frames('opening') end
redis.call('HSET', run, 'state', state(), 'at', at(), 'owner', epoch .. ' ' .. microseconds, 'beat_at', now,
  'bases', bases, 'claim', pos .. ' ' .. a .. ' ' .. b .. ' ' .. takeover, 'claim_digest', digest,
  'producer', producer)
for name, value in pairs({token = token, tokens = tokens, group = group, delivery = delivery}) do
  if value ~= '' then
    redis.call('HSET', run, name, value)
  elseif r[name] ~= '' then
    redis.call('HDEL', run, name)
  end
end
if r.trace ~= '' and r.first_claim_at == '' then redis.call('HSET', run, 'first_claim_at', now) end
if of_realm ~= '' and r.realm == '' then
  r.realm = of_realm
  redis.call('HSET', run, 'realm', of_realm)
end
redis.call('PUBLISH', changes, told)
return answer('claimed', r.realm, r.user)
)lua"));

// what: 'time' (ends what time has ended), 'cancel', 'remove' (ends an open one as cancelled, and forgets
// it), 'expire' (of one that is over the record stays). Codes: waits (when to look next, in ms), over (kept
// so many ms more), asked, already, ended (here and now, for 'time' and 'remove'), removed (for 'time': what
// that leaves has not been undone), again (it would end, and the caller has not seen its framed log as it
// is). In over, asked, ended and removed follows RunCounted. stream: it is a plain stream and stays, for so
// many ms more; then follow its realm and how many bytes of it are here. Only a closed one makes room.
const Script settle_run({.keys = {"run", "log", "removed"},
                         .arguments = {"what", "changes", "channels", "tenant", "realm", "reason", "awake_ms",
                                       "grace_ms", "start_ms", "seen"},
                         .without_memory = true},
                        joined(kReach, kClock, kRecord, kFrames, kEnd, kLease, R"lua(
if not status and what == 'time' then
  local left = redis.call('HMGET', removed, 'user', 'realm', 'thread', 'asked')
  if left[1] then return {'removed', 'cancelled 0 0 0', '0 0 0 0 0', 0, unpack(left)} end
end
if status and what == 'expire' then
  if is_over() and redis.call('DEL', log) == 1 then redis.call('HSET', run, 'expired', 1) end
  return answer('expired')
end
if status and r.stream ~= '' then
  if what ~= 'evict' or not is_over() then
    return answer('stream', redis.call('PTTL', run), r.realm, r.expired == '1' and 0 or pos)
  end
  redis.call('DEL', run, log)
  redis.call('PUBLISH', changes, 'R 0\n')
  return answer('removed', 0, '', r.realm, '', '')
end
if what == 'evict' then what = 'remove' end
if not status or not reached(r.channel, r.tenant_id, r.realm, is_realms) then return {'not_found'} end
local function counted(code, ms) return answer(code, ms, r.user, r.realm, r.thread, r.asked, unpack(traced)) end
if what == 'remove' then
  local was_over = is_over()
  if not was_over and not are_seen() then return answer('again') end
  if not was_over then finish('cancelled', 'cancelled', 'the run was deleted') end
  redis.call('DEL', run, log)
  -- Whoever asked may never hear that it is gone.
  redis.call('HSET', removed, 'user', r.user, 'realm', r.realm, 'thread', r.thread, 'asked', r.asked)
  redis.call('PEXPIREAT', removed, gone_at)
  redis.call('PUBLISH', changes, string.format('R %d\n', epoch))
  return counted('removed', retention)
end
if is_over() then
  if what == 'cancel' then return answer('over') end
  return counted('over', redis.call('PTTL', run))
end
if what == 'cancel' then
  if cancel == '1' then return answer('already') end
  local ends = status == 'queued' or lease_end() <= now
  if ends and not are_seen() then return answer('again') end
  cancel = '1'
  redis.call('HSET', run, 'state', state(), 'cancel_reason', reason, 'cancel_at', now)
  if ends then
    finish('cancelled', 'cancelled', reason)
    return counted('asked', retention)
  end
  redis.call('PUBLISH', changes, string.format('C %d\n', epoch))
  return answer('asked')
end
local life_end = math.max(tonumber(life_until), awake + lease_ms)
local due = life_end
local function is_due(at)
  due = math.min(due, at)
  return at <= now
end
local started = math.max(tonumber(start_until), awake + tonumber(start_ms))
local how, code, message
if cancel == '1' and is_due(math.max(tonumber(r.cancel_at), awake) + grace_ms) then
  how, code, message = 'cancelled', 'cancelled', r.cancel_reason
elseif status == 'queued' and is_due(started) then
  how, code, message = 'abandoned', 'no_agent', 'no agent took the run'
elseif status == 'in_progress' and is_due(lease_end() + string.match(r.claim, '%d+$')) then
  how, code, message = 'abandoned', 'agent_lost', 'the agent is gone and no other took the run over'
elseif is_due(life_end) then
  how, code, message = 'failed', 'deadline', 'the run took longer than a run may'
else
  return answer('waits', due - now)
end
if not are_seen() then return answer('again') end
finish(how, code, message)
return counted('ended', retention)
)lua"));

// from: of the log. Answers fields and values, and the bytes from there on.
const Script read_run({.keys = {"run", "log"}, .arguments = {"from"}, .without_memory = true}, R"lua(
return {redis.call('HGETALL', run), redis.call('GETRANGE', log, from, -1)}
)lua");

// The log anew at its length, since APPEND has doubled its room; if it still has that length.
const Script trim_log({.keys = {"log"}, .arguments = {"length"}, .without_memory = true}, R"lua(
if redis.call('STRLEN', log) == tonumber(length) then redis.call('SET', log, redis.call('GET', log), 'KEEPTTL') end
return 1
)lua");

}  // namespace gw::redis::scripts
