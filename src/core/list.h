// What lists that are asked for in pages have in common (core/registry.h, core/session_store.h).
#pragma once

#include <cstddef>

namespace gw {

// So many records one step looks at, whatever the filter: a page may be short though there are more.
inline constexpr size_t kListLooks = 1000;
inline constexpr const char* kUnknownPlace = "after must be what a list gave as after";

}  // namespace gw
