// What the kernel knows of this process (proc(5)).
#pragma once

#include <cstdint>

namespace gw {

struct ProcessStats {
  double cpu_seconds = 0;
  uint64_t resident_bytes = 0;
  uint64_t descriptors_max = 0;
};

ProcessStats read_process_stats();

}  // namespace gw
