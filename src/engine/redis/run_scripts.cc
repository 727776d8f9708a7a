// A run: its record, a hash, and its log, a string. They do what core/run/run_machine.h says; Redis's clock
// is theirs. What an engine that slept for all of us has not let anybody renew counts as renewed when it came
// back: awake_ms is how long the caller has heard it without a break.
//
// Each answers {code, status, epoch, pos, a, b, ...}: a word, and what the run is then; of one that is not
// there, or out of reach, 'not_found' alone. What is said on `changes` is in run_replica.h.
#include "engine/redis/scripts.h"

namespace gw::redis::scripts {
namespace {

constexpr const char* kClock = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
)lua";

// channels: their names, each between blanks; empty: all. tenant, realm: empty: all.
constexpr const char* kReach = R"lua(
local function reached(channel, of_tenant, of_realm, is_realms)
  return (channels == '' or string.find(channels, ' ' .. channel .. ' ', 1, true))
    and (tenant == '' or tenant == of_tenant) and (is_realms ~= '1' or realm == '' or realm == of_realm)
end
)lua";

// Needs run. `r` has the record by name.
constexpr const char* kRecord = R"lua(
local r = {}
local flat = redis.call('HGETALL', run)
for i = 1, #flat, 2 do r[flat[i]] = flat[i + 1] end
local status, epoch, pos = r.status, tonumber(r.epoch), tonumber(r.pos)
local a, b = tonumber(r.a), tonumber(r.b)
local function answer(code, ...) return {code, status, epoch, pos, a, b, ...} end
local function is_over() return status ~= 'queued' and status ~= 'in_progress' end
)lua";

// Needs kRecord, kClock, log, changes. `traced` is what RunCounted has of a trace that is kept, and nothing
// before the end.
constexpr const char* kEnd = R"lua(
local traced = {}
local function finish(how, code, message)
  status = how
  epoch = epoch + 1
  redis.call('HSET', run, 'status', how, 'epoch', epoch, 'bases', r.bases .. ',' .. pos, 'ended_at', now,
    'error_code', code, 'error_message', message)
  redis.call('PEXPIRE', run, r.retention)
  local bytes = redis.call('GET', log)
  if bytes then redis.call('SET', log, bytes, 'PX', r.retention) end  -- without the room that APPEND has made
  redis.call('PUBLISH', changes, string.format('T %d %d %d %d %s\n', epoch, pos, a, b, how))
  if r.trace then traced = {r.trace, r.channel, r.created_at, now, code, r.first_claim_at, r.first_byte_at} end
end
)lua";

// Needs kRecord, kClock, awake_ms: until when the owner's lease lasts.
constexpr const char* kLease = R"lua(
local awake = now - tonumber(awake_ms)
local function lease_end() return math.max(tonumber(r.lease_until), awake + tonumber(r.lease)) end
)lua";

// Needs kReach, any_producer, producer, epoch_shown (of the caller's claim), and of the record in r, in this
// order: status, epoch, pos, a, b, cancel, lease, claim_epoch, producer, channel, tenant_id, realm,
// is_realms. More in answers: cancel requested, the lease, then: the epoch of the last claim (fenced).
constexpr const char* kOwner = R"lua(
local status, pos, a, b = r[1], r[3], r[4], r[5]
if not status or not reached(r[10], r[11], r[12], r[13]) then return {'not_found'} end
local function answer(code, ...) return {code, status, r[2], pos, a, b, r[6], r[7], ...} end
if (any_producer ~= '1' and r[9] ~= producer) or r[8] ~= epoch_shown or r[8] == '0' then
  return answer('fenced', r[8])
end
local is_over = status ~= 'queued' and status ~= 'in_progress'
)lua";

}  // namespace

// digest: of bytes and end. hash_a, hash_b: of the bytes; power_a, power_b: B^length. refused: empty, or with
// which code to answer where nothing else is wrong. ending: empty, or with which status the run ends; then
// follow error_code, error_message and result. More in answers: as kOwner, the expected seq (sequence_gap),
// RunCounted (an end). Of all scripts this one runs by far the most often: few arguments, and numbers become
// text once.
const Script append_run({.keys = {"run", "log"},
                         .arguments = {"changes", "channels", "tenant", "realm", "any_producer", "producer",
                                       "epoch_shown", "format", "seq", "digest", "bytes", "hash_a", "hash_b",
                                       "power_a", "power_b", "refused", "ending"}},
                        joined(kReach, R"lua(
local slot = 's' .. (seq % 16)
local r = redis.call('HMGET', run, 'status', 'epoch', 'pos', 'a', 'b', 'cancel', 'lease', 'claim_epoch', 'producer',
  'channel', 'tenant_id', 'realm', 'is_realms', 'next', 'bytes_max', 'format', slot)
)lua",
                               kOwner, R"lua(
if format ~= '' and format ~= r[16] then return answer('invalid_argument') end
local ahead = seq - r[14]
if ahead < 0 then
  if ahead < -16 then return answer('sequence_conflict') end
  local p, x, y, known = string.match(r[17], '^%d+ (%d+) (%d+) (%d+) (%x+)$')
  if known ~= digest then return answer('sequence_conflict') end
  pos, a, b = p, x, y
  return answer('duplicate')
end
if is_over then return answer('ended') end
if ahead > 0 then return answer('sequence_gap', r[14]) end
local from, length = pos, #bytes
if from + length > tonumber(r[15]) then return answer('too_large') end
if refused ~= '' then return answer(refused) end
)lua",
                               kClock, R"lua(
pos = string.format('%d', from + length)
a = string.format('%d', (a * power_a + hash_a) % 67108859)
b = string.format('%d', (b * power_b + hash_b) % 67108837)
local receipt = seq .. ' ' .. pos .. ' ' .. a .. ' ' .. b .. ' ' .. digest
if length == 0 then
  redis.call('HSET', run, 'next', seq + 1, 'lease_until', now + r[7], slot, receipt)
else
  redis.call('HSET', run, 'pos', pos, 'a', a, 'b', b, 'next', seq + 1, 'lease_until', now + r[7], 'last_byte_at', now,
    slot, receipt)
  redis.call('APPEND', log, bytes)
  if from == '0' then
    local first = redis.call('HMGET', run, 'gone_at', 'first_byte_at')
    redis.call('PEXPIREAT', log, first[1])
    if first[2] == '' then redis.call('HSET', run, 'first_byte_at', now) end
  end
end
local change = ' ' .. r[2] .. ' ' .. from .. ' ' .. a .. ' ' .. b .. ' '
if ending == '' then
  if length > 0 then redis.call('PUBLISH', changes, 'A' .. change .. status .. '\n' .. bytes) end
  return answer('appended')
end
status = ending
redis.call('HSET', run, 'status', status, 'ended_at', now, 'error_code', ARGV[more], 'error_message', ARGV[more + 1],
  'result', ARGV[more + 2])
local facts = redis.call('HMGET', run, 'retention', 'user', 'realm', 'thread', 'asked', 'trace', 'channel',
  'created_at', 'ended_at', 'error_code', 'first_claim_at', 'first_byte_at')
redis.call('PEXPIRE', run, facts[1])
redis.call('PEXPIRE', log, facts[1])
redis.call('PUBLISH', changes, 'T' .. change .. status .. '\n' .. bytes)
return answer('appended', unpack(facts))
)lua"));

// Renews the lease. More in answers: as kOwner.
const Script beat_run({.keys = {"run"},
                       .arguments = {"channels", "tenant", "realm", "any_producer", "producer",
                                     "epoch_shown"}},
                      joined(kReach, R"lua(
local r = redis.call('HMGET', run, 'status', 'epoch', 'pos', 'a', 'b', 'cancel', 'lease', 'claim_epoch', 'producer',
  'channel', 'tenant_id', 'realm', 'is_realms')
)lua",
                             kOwner, kClock, R"lua(
if is_over then return answer('ended') end
redis.call('HSET', run, 'lease_until', now + r[7])
return answer('beat')
)lua"));

// how: 'create' and 'claim' (more: the new run's fields and values), 'create' alone, 'claim' alone. For a run
// that is made: start_ms, life_ms, retention_ms. keep: empty for all; keep_a, keep_b: the hash of so much as
// the caller knows the log, which was seen_pos long in seen_epoch with seen_a, seen_b; keep_fits: '1' when it
// cuts neither character nor line. known: the highest epoch that anybody has heard of. Codes: claimed,
// repeated, created, exists, ended, held (the lease's rest), moved, again (the caller knows the log
// too badly), removed (one of that id was, and what it counted for is not undone). More in the answers
// claimed and repeated: lease; then in claimed: realm, user. In ended: what kEnd has counted, when it ended
// here.
const Script claim_run({.keys = {"run", "log", "removed"},
                        .arguments = {"makes",    "claims",   "changes",      "channels",    "tenant",
                                      "realm",    "producer", "token",        "digest",      "keep",
                                      "keep_a",   "keep_b",   "keep_fits",    "seen_epoch",  "seen_pos",
                                      "seen_a",   "seen_b",   "epoch_wanted", "known",       "force",
                                      "lease",    "takeover", "group",        "delivery",    "of_realm",
                                      "awake_ms", "start_ms", "life_ms",      "retention_ms"}},
                       joined(kReach, kClock, R"lua(
if makes == '1' and redis.call('EXISTS', run) == 0 then
  if redis.call('EXISTS', removed) == 1 then return {'removed'} end
  local gone_at = now + life_ms + retention_ms
  -- First what each append asks for: it may be stored as a list.
  redis.call('HSET', run, 'status', 'queued', 'epoch', 0, 'pos', 0, 'a', 0, 'b', 0, 'cancel', 0, 'lease', 0,
    'claim_epoch', 0, 'producer', '', 'next', 0, 'lease_until', 0, 'last_byte_at', now,
    'bases', '0', 'token', '', 'tokens', '', 'takeover', 0, 'group', '', 'delivery', '', 'created_at', now,
    'start_until', now + start_ms, 'life_until', now + life_ms, 'gone_at', gone_at, 'retention', retention_ms,
    unpack(ARGV, more))
  redis.call('PEXPIREAT', run, gone_at)
  makes = 'made'
end
)lua",
                              kRecord, kEnd, kLease, R"lua(
if makes == 'made' then
  if claims ~= '1' then return answer('created') end
elseif makes == '1' then
  if token == '' or r.token ~= token then return answer('exists') end
  digest = r.claim_digest
elseif not status or not reached(r.channel, r.tenant_id, r.realm, r.is_realms) then
  return {'not_found'}
end
if token ~= '' and token == r.token then
  if digest ~= r.claim_digest then return answer('moved') end
  epoch, pos, a, b = r.claim_epoch, r.claim_pos, r.claim_a, r.claim_b
  return answer('repeated', r.lease)
end
if token ~= '' and string.find(r.tokens, '\n' .. token .. '\n', 1, true) then return answer('moved') end
if is_over() then return answer('ended') end
if status == 'in_progress' and r.producer ~= producer and force ~= '1' and lease_end() > now then
  return answer('held', lease_end() - now)
end
if epoch_wanted ~= '' and tonumber(epoch_wanted) < epoch then return answer('moved') end
if keep == '' then
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
  finish('failed', 'too_many_claims', 'the run was claimed too often')
  return answer('ended', r.retention, r.user, r.realm, r.thread, r.asked, unpack(traced))
end
if keep < pos then
  local kept = keep > 0 and redis.call('GETRANGE', log, 0, keep - 1) or ''
  redis.call('DEL', log)
  if keep > 0 then redis.call('SET', log, kept, 'PXAT', r.gone_at) end
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
status, epoch = 'in_progress', new
redis.call('HSET', run, 'status', status, 'epoch', epoch, 'pos', pos, 'a', a, 'b', b, 'bases', bases,
  'claim_epoch', epoch, 'claim_pos', pos, 'claim_a', a, 'claim_b', b, 'claim_digest', digest, 'producer', producer,
  'token', token, 'tokens', tokens, 'next', 0, 'lease', lease, 'takeover', takeover, 'lease_until', now + lease,
  'group', group, 'delivery', delivery)
if pos == 0 then redis.call('HSET', run, 'last_byte_at', now) end
if r.first_claim_at == '' then redis.call('HSET', run, 'first_claim_at', now) end
if of_realm ~= '' and r.realm == '' then
  r.realm = of_realm
  redis.call('HSET', run, 'realm', of_realm)
end
redis.call('PUBLISH', changes, string.format('E %d %d %d %d in_progress\n', epoch, pos, a, b))
return answer('claimed', lease, r.realm, r.user)
)lua"));

// what: 'time' (ends what time has ended), 'cancel', 'remove' (ends an open one as cancelled, and forgets
// it), 'expire' (of one that is over the record stays). Codes: waits (when to look next, in ms), over (kept
// so many ms more), asked, already, ended (here and now, for 'time' and 'remove'), removed (for 'time': what
// that leaves has not been undone). In over, asked, ended and removed follows RunCounted.
const Script settle_run({.keys = {"run", "log", "removed"},
                         .arguments = {"what", "changes", "channels", "tenant", "realm", "reason", "awake_ms",
                                       "grace_ms", "start_ms"},
                         .without_memory = true},
                        joined(kReach, kClock, kRecord, kEnd, kLease, R"lua(
if not status and what == 'time' then
  local left = redis.call('HMGET', removed, 'user', 'realm', 'thread', 'asked')
  if left[1] then return {'removed', 'cancelled', 0, 0, 0, 0, 0, unpack(left)} end
end
if not status or not reached(r.channel, r.tenant_id, r.realm, r.is_realms) then return {'not_found'} end
if what == 'expire' then
  if is_over() and redis.call('DEL', log) == 1 then redis.call('HSET', run, 'expired', 1) end
  return answer('expired')
end
local function counted(code, ms) return answer(code, ms, r.user, r.realm, r.thread, r.asked, unpack(traced)) end
if what == 'remove' then
  local was_over = is_over()
  if not was_over then finish('cancelled', 'cancelled', 'the run was deleted') end
  redis.call('DEL', run, log)
  -- Whoever asked may never hear that it is gone.
  redis.call('HSET', removed, 'user', r.user, 'realm', r.realm, 'thread', r.thread, 'asked', r.asked)
  redis.call('PEXPIREAT', removed, r.gone_at)
  redis.call('PUBLISH', changes, string.format('R %d\n', epoch))
  return counted('removed', r.retention)
end
if is_over() then
  if what == 'cancel' then return answer('over') end
  return counted('over', redis.call('PTTL', run))
end
if what == 'cancel' then
  if r.cancel == '1' then return answer('already') end
  redis.call('HSET', run, 'cancel', 1, 'cancel_reason', reason, 'cancel_at', now)
  if status == 'queued' or lease_end() <= now then
    finish('cancelled', 'cancelled', reason)
    return counted('asked', r.retention)
  end
  redis.call('PUBLISH', changes, string.format('C %d\n', epoch))
  return answer('asked')
end
local life_end = math.max(tonumber(r.life_until), awake + tonumber(r.lease))
local due = life_end
local function is_due(at)
  due = math.min(due, at)
  return at <= now
end
local started = math.max(tonumber(r.start_until), awake + tonumber(start_ms))
if r.cancel == '1' and is_due(math.max(tonumber(r.cancel_at), awake) + grace_ms) then
  finish('cancelled', 'cancelled', r.cancel_reason)
elseif status == 'queued' and is_due(started) then
  finish('abandoned', 'no_agent', 'no agent took the run')
elseif status == 'in_progress' and is_due(lease_end() + r.takeover) then
  finish('abandoned', 'agent_lost', 'the agent is gone and no other took the run over')
elseif is_due(life_end) then
  finish('failed', 'deadline', 'the run took longer than a run may')
else
  return answer('waits', due - now)
end
return counted('ended', r.retention)
)lua"));

// from: of the log. Answers Redis's time, the fields and values, and the bytes from there on; of one that is
// not there only the time.
const Script read_run({.keys = {"run", "log"}, .arguments = {"from"}, .without_memory = true},
                      joined(kClock, R"lua(
local fields = redis.call('HGETALL', run)
if #fields == 0 then return {now} end
return {now, fields, redis.call('GETRANGE', log, from, -1)}
)lua"));

// The log anew at its length, since APPEND has doubled its room.
const Script trim_log({.keys = {"log"}, .without_memory = true}, R"lua(
local bytes = redis.call('GET', log)
if bytes then redis.call('SET', log, bytes, 'KEEPTTL') end
return 1
)lua");

// What readers compare every other second. Answers Redis's time, and what stands in kTopFields.
const Script top_of_run({.keys = {"run"}, .without_memory = true}, joined(kClock, R"lua(
return {now, redis.call('HMGET', run, 'status', 'epoch', 'pos', 'a', 'b', 'cancel', 'lease_until', 'last_byte_at')}
)lua"));

}  // namespace gw::redis::scripts
