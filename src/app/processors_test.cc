#include "app/processors.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <map>

namespace gw {
namespace {

std::optional<size_t> quota(const std::map<std::string, std::string>& files) {
  return processor_quota([&](const std::string& path) -> std::optional<std::string> {
    const auto found = files.find(path);
    return found == files.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(Processors, NoControlGroupIsNoQuota) {
  EXPECT_EQ(quota({}), std::nullopt);
  EXPECT_EQ(quota({{"/proc/self/cgroup", "0::/\n"}}), std::nullopt);
  EXPECT_EQ(quota({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "max 100000\n"}}),
            std::nullopt);
  EXPECT_EQ(quota({{"/proc/self/cgroup", "nonsense\n:\n::"}}), std::nullopt);
}

TEST(Processors, VersionTwoIsTheLeastOnTheWayUp) {
  const std::string group = "0::/system.slice/gateway.service\n";
  EXPECT_EQ(quota({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "200000 100000\n"}}), 2u);
  EXPECT_EQ(quota({{"/proc/self/cgroup", group},
                   {"/sys/fs/cgroup/system.slice/gateway.service/cpu.max", "400000 100000\n"},
                   {"/sys/fs/cgroup/system.slice/cpu.max", "150000 100000\n"}}),
            2u);
  EXPECT_EQ(quota({{"/proc/self/cgroup", group},
                   {"/sys/fs/cgroup/system.slice/gateway.service/cpu.max", "50000 100000\n"}}),
            1u);
}

TEST(Processors, VersionOneHasTwoFilesAndItsOwnPlace) {
  const std::string groups = "5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n";
  EXPECT_EQ(quota({{"/proc/self/cgroup", groups},
                   {"/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us", "300000\n"},
                   {"/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us", "100000\n"}}),
            3u);
  // As a container sees it: the path is the host's, the files are at the root.
  EXPECT_EQ(quota({{"/proc/self/cgroup", groups},
                   {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n"},
                   {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}}),
            2u);
  EXPECT_EQ(quota({{"/proc/self/cgroup", groups},
                   {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
                   {"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}}),
            std::nullopt);
}

TEST(Processors, AreNoMoreThanTheAffinityHas) {
  cpu_set_t usable;
  ASSERT_EQ(sched_getaffinity(0, sizeof usable, &usable), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<size_t>(sched_getcpu()), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_processors(), 1u);
  EXPECT_EQ(sched_setaffinity(0, sizeof usable, &usable), 0);
}

}  // namespace
}  // namespace gw
