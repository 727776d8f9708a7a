// What one of each thing costs, measured on one Redis and one gateway; the model adds them up. Times are
// microseconds of CPU.
#pragma once

namespace gw::sim::scale {

// bench/RESULTS.md, "On Redis": Storm, Commands and Idle.
inline constexpr double kConnectGatewayUs = 20;
inline constexpr double kConnectRedisUs = 18;     // admission and the look at the session
inline constexpr double kDisconnectRedisUs = 11;  // in batches
inline constexpr double kSessionBytes = 2772;     // in Redis, of a connection with a session of its own
// A message with the inbox stream ("Before and after the durable runs").
inline constexpr double kMessageRedisUs = 12;
// Redis under 4 000 connections with a heartbeat every two seconds: 22.8 ms a second more than without them
// for 1 918 records written.
inline constexpr double kHeartbeatRedisUs = 12;
// A record written anew costs what an admission does, less the look at the session.
inline constexpr double kRebuildRedisUs = 15;
// Where a connection is, in the partition of its id: one SET.
inline constexpr double kWhereaboutsRedisUs = 3;
// Of each instance in each partition: a lease (and of each instance that it lists), and two probes a second.
inline constexpr double kLeaseRedisUs = 30;
inline constexpr double kLeaseEachRedisUs = 1;
inline constexpr double kProbesRedisUs = 110;
inline constexpr double kLeaseAndProbeCommands = 8;
// A subscriber of a publication, on its master.
inline constexpr double kPublishEachRedisUs = 1.5;

}  // namespace gw::sim::scale
