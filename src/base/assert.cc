#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace gw {

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "ASSERT(%s) failed at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace gw
