// What the scripts of runs share. The record is laid out at the top of run_scripts.cc.
#pragma once

namespace gw::redis::scripts {

inline constexpr const char* kClock = R"lua(
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
)lua";

// channels: their names, each between blanks; empty: all. tenant, realm: empty: all. What has no channel is a
// plain stream (stream_scripts.cc), and no run.
inline constexpr const char* kReach = R"lua(
local function reached(channel, of_tenant, of_realm, is_realms)
  return channel and channel ~= '' and (channels == '' or string.find(channels, ' ' .. channel .. ' ', 1, true))
    and (tenant == '' or tenant == of_tenant) and (is_realms ~= '1' or realm == '' or realm == of_realm)
end
)lua";

// Needs run. `r` has the record by name; '' for what it has not.
inline constexpr const char* kRecord = R"lua(
local r = setmetatable({}, {__index = function() return '' end})
local flat = redis.call('HGETALL', run)
for i = 1, #flat, 2 do r[flat[i]] = flat[i + 1] end
local status, epoch, cancel, lease_ms = string.match(r.state, '^(%S+) (%d+) (%d) (%d+)$')
local pos, a, b, expected, last_byte_at = string.match(r.at, '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
epoch, lease_ms, pos, a, b = tonumber(epoch), tonumber(lease_ms), tonumber(pos), tonumber(a), tonumber(b)
local start_until, life_until, gone_at = string.match(r.times, '^%d+ (%d+) (%d+) (%d+)$')
local is_realms, retention = string.match(r.shape, '^(%d) %d (%d+)')
local function state() return status .. ' ' .. epoch .. ' ' .. cancel .. ' ' .. lease_ms end
local function at() return pos .. ' ' .. a .. ' ' .. b .. ' ' .. expected .. ' ' .. last_byte_at end
local function answer(code, ...) return {code, state(), at(), ...} end
local function is_over() return status ~= 'queued' and status ~= 'in_progress' end
)lua";

// Needs kRecord, log, seen and, from ARGV[more] on, RunFrames: what the log of a framed run may get, each
// under the word for when. They fit while the log is as its maker has `seen` it. add_frames() answers what it
// has added.
inline constexpr const char* kFrames = R"lua(
local framed = string.find(r.shape, ' ai-sdk', 1, true) or string.find(r.shape, ' ag-ui', 1, true)
local frames = {}
for i = more, framed and #ARGV or 0, 6 do frames[ARGV[i]] = i + 1 end
local function are_seen() return not framed or string.sub(r.at, 1, #seen + 1) == seen .. ' ' end
local function add_frames(what)
  local i = frames[what]
  if not i or ARGV[i] == '' then return '' end
  redis.call('APPEND', log, ARGV[i])
  pos = pos + #ARGV[i]
  a = (a * ARGV[i + 3] + ARGV[i + 1]) % 67108859
  b = (b * ARGV[i + 4] + ARGV[i + 2]) % 67108837
  return ARGV[i]
end
)lua";

// Needs kRecord, kFrames, kClock, log, changes; are_seen(). `traced` is what RunCounted has of a trace that
// is kept, and nothing before the end.
inline constexpr const char* kEnd = R"lua(
local traced = {}
local function finish(how, code, message)
  local from = pos
  local bytes = add_frames(code)
  status = how
  epoch = epoch + 1
  redis.call('HSET', run, 'state', state(), 'bases', r.bases .. ',' .. from, 'ended_at', now,
    'error_code', code, 'error_message', message)
  if bytes ~= '' then redis.call('HSET', run, 'at', at()) end
  redis.call('PEXPIRE', run, retention)
  redis.call('PEXPIRE', log, retention)
  redis.call('PUBLISH', changes, string.format('T %d %d %d %d %s\n', epoch, from, a, b, how) .. bytes)
  if r.trace ~= '' then
    traced = {r.trace, r.channel, string.match(r.times, '^%d+'), now, code, r.first_claim_at, r.first_byte_at}
  end
end
)lua";

// Needs kRecord, kClock, awake_ms: until when the owner's lease lasts.
inline constexpr const char* kLease = R"lua(
local awake = now - tonumber(awake_ms)
local function lease_end() return math.max(tonumber(r.beat_at), awake) + lease_ms end
)lua";

}  // namespace gw::redis::scripts
