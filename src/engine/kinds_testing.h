// The kinds of engine that tests hold to the same expectations, and where the servers of each are.
#pragma once

#include <gtest/gtest.h>

#include "engine/redis/cluster_testing.h"
#include "engine/redis/sentinel_testing.h"
#include "engine/redis/server_testing.h"

namespace gw {

// sentinel: one server, which sentinels name. cluster: in one partition there. partitioned: over three
// servers. divided_cluster: in five partitions of a cluster, with the inbox.
enum class EngineUnderTest {
  memory,
  redis,
  redis_with_inbox,
  redis_sentinel,
  redis_cluster,
  redis_cluster_with_inbox,
  redis_partitioned,
  redis_divided_cluster
};

// All, as far as the inbox makes no difference; those where no limit is divided; and those of which two
// instances can have the same.
inline constexpr EngineUnderTest kEngines[] = {
    EngineUnderTest::memory, EngineUnderTest::redis, EngineUnderTest::redis_sentinel,
    EngineUnderTest::redis_cluster, EngineUnderTest::redis_partitioned};
inline constexpr EngineUnderTest kUndividedEngines[] = {EngineUnderTest::memory, EngineUnderTest::redis,
                                                        EngineUnderTest::redis_sentinel,
                                                        EngineUnderTest::redis_cluster};
inline constexpr EngineUnderTest kSharedEngines[] = {EngineUnderTest::redis, EngineUnderTest::redis_sentinel,
                                                     EngineUnderTest::redis_cluster,
                                                     EngineUnderTest::redis_partitioned};

constexpr bool has_inbox(EngineUnderTest kind) {
  using enum EngineUnderTest;
  return kind == redis_with_inbox || kind == redis_cluster_with_inbox || kind == redis_divided_cluster;
}

inline std::string name_of(const testing::TestParamInfo<EngineUnderTest>& info) {
  constexpr const char* kNames[] = {"Memory",           "Redis",
                                    "RedisWithInbox",   "RedisSentinel",
                                    "RedisCluster",     "RedisClusterWithInbox",
                                    "RedisPartitioned", "RedisDividedCluster"};
  return kNames[static_cast<size_t>(info.param)];
}

// Each set of servers is started with the first test that needs it.
inline std::vector<redis::Url> urls_of(EngineUnderTest kind) {
  using enum EngineUnderTest;
  switch (kind) {
    case redis_sentinel: return {redis::TestSentinels::shared().url()};
    case redis_cluster:
    case redis_cluster_with_inbox:
    case redis_divided_cluster: return {redis::TestCluster::shared().url()};
    case redis_partitioned: return redis::TestServers::shared().urls();
    default: return {redis::TestServer::shared().url()};
  }
}

}  // namespace gw
