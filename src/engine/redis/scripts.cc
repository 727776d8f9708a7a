// What concerns whole instances.
#include "engine/redis/scripts.h"

#include "engine/redis/keys.h"

namespace gw::redis {

namespace {

// All of them.
constexpr const Script* kScripts[] = {&scripts::submit,
                                      &scripts::submit_by_pubsub,
                                      &scripts::publish,
                                      &scripts::park,
                                      &scripts::unpark,
                                      &scripts::add,
                                      &scripts::put,
                                      &scripts::update,
                                      &scripts::remove,
                                      &scripts::lease,
                                      &scripts::leave,
                                      &scripts::reap,
                                      &scripts::read,
                                      &scripts::list,
                                      &scripts::disconnect,
                                      &scripts::tell_presence,
                                      &scripts::list_presence,
                                      &scripts::count,
                                      &scripts::insert_session,
                                      &scripts::list_sessions,
                                      &scripts::replace_session,
                                      &scripts::put_revocation,
                                      &scripts::put_webhook,
                                      &scripts::remove_webhook,
                                      &scripts::join_inbox,
                                      &scripts::open_feed,
                                      &scripts::read_feed,
                                      &scripts::confirm_feed,
                                      &scripts::release,
                                      &scripts::claim,
                                      &scripts::give_up,
                                      &scripts::keep_ours,
                                      &scripts::tidy_inbox,
                                      &scripts::append_run,
                                      &scripts::append_framed_run,
                                      &scripts::beat_run,
                                      &scripts::claim_run,
                                      &scripts::read_run,
                                      &scripts::settle_run,
                                      &scripts::trim_log,
                                      &scripts::list_run,
                                      &scripts::due_run,
                                      &scripts::pick_runs,
                                      &scripts::count_run,
                                      &scripts::uncount_run,
                                      &scripts::forget_run,
                                      &scripts::reserve_run,
                                      &scripts::push_run,
                                      &scripts::name_run,
                                      &scripts::unname_run,
                                      &scripts::name_thread,
                                      &scripts::unname_thread,
                                      &scripts::put_stream,
                                      &scripts::append_stream,
                                      &scripts::touch_stream,
                                      &scripts::remove_stream};

}  // namespace

void load_scripts(Client& client) {
  for (const Script* script : kScripts) {
    client.command({"SCRIPT", "LOAD", script->source(client.is_cluster())}, {});
  }
}

namespace scripts {
namespace {

const Keys kNames("", "", 0);

}  // namespace

// lease: this instance's own, to be held for lease_ms; live_ms: what that of one that is routed to has left;
// how: 'claim' to take it only if nobody holds it. Answers the token that was there ('': none), how many
// channels have parked messages, the channels whose inbox has a place, then instance, remaining ms and
// connections for each instance; the token alone when somebody else holds it.
const Script lease({.keys = {"lease", "gateways", "parked", "waiting"},
                    .arguments = {"prefix", "me", "token", "lease_ms", "live_ms", "how"},
                    .without_memory = true},
                   joined(lua_name("lease_of", kNames.lease(kNameA)),
                          lua_name("gateway_connections", kNames.gateway_connections(kNameA)), R"lua(
local old = redis.call('GET', lease) or ''
local held = old ~= '' and old ~= token and redis.call('PTTL', lease) > tonumber(live_ms)
if how == 'claim' and held then return {old} end
redis.call('SET', lease, token, 'PX', lease_ms)
redis.call('SADD', gateways, me)
local out = {old, redis.call('SCARD', parked), redis.call('SMEMBERS', waiting)}
for _, instance in ipairs(redis.call('SMEMBERS', gateways)) do
  out[#out + 1] = instance
  out[#out + 1] = redis.call('PTTL', lease_of(instance))
  out[#out + 1] = redis.call('SCARD', gateway_connections(instance))
end
return out
)lua"));

// The name stays while it has connections or users, so that they are found.
const Script leave({.keys = {"lease", "connections", "present", "gateways"},
                    .arguments = {"me", "token"},
                    .without_memory = true},
                   R"lua(
if redis.call('GET', lease) ~= token then return 0 end
redis.call('DEL', lease)
if redis.call('EXISTS', connections, present) == 0 then redis.call('SREM', gateways, me) end
return 1
)lua");

// To every instance's clients, on their channel `fanout`. gateway_channels: an instance's own Pub/Sub name
// without the instance; live_ms: what the lease of one that is routed to has left. Answers how many heard it,
// then the live instances that listen to nothing now; nobody at all when those are all.
const Script publish({.keys = {"gateways"},
                      .arguments = {"prefix", "fanout", "payload", "gateway_channels", "live_ms"}},
                     joined(lua_name("lease_of", kNames.lease(kNameA)), R"lua(
local out = {redis.call('PUBLISH', fanout, payload)}
local live, names = {}, {}
for _, instance in ipairs(redis.call('SMEMBERS', gateways)) do
  if redis.call('PTTL', lease_of(instance)) > tonumber(live_ms) then
    live[#live + 1] = instance
    names[#names + 1] = gateway_channels .. instance
  end
end
if #live == 0 then return out end
local listeners = redis.call('PUBSUB', 'NUMSUB', unpack(names))
for i, instance in ipairs(live) do
  if listeners[2 * i] == 0 then out[#out + 1] = instance end
end
if #out - 1 == #live then return {0} end
return out
)lua"));

}  // namespace scripts
}  // namespace gw::redis
