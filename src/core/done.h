// How an engine answers: exactly once, on the control loop; the memory engine before the call returns.
#pragma once

#include <functional>

#include "base/error.h"

namespace gw {

template <class T>
using Done = std::function<void(Result<T>)>;

}  // namespace gw
