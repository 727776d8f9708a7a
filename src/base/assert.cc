#include "base/assert.h"

#include <array>
#include <cstdio>
#include <cstdlib>

#include "base/log.h"

namespace gw {

void assertion_failed(const char* condition, const char* file, int line) {
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(), "ASSERT(%s) at %s:%d", condition, file, line);
  log::fatal("assertion_failed", text.data());
  std::abort();
}

}  // namespace gw
