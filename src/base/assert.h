// ASSERT stays on in every build: what the code relies on is checked where it relies on it.
#pragma once

namespace gw {

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace gw

#define ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::gw::assertion_failed(#condition, __FILE__, __LINE__))
