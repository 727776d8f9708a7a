// What is not answered by a script of runs.
#pragma once

#include "base/error.h"
#include "core/run/run.h"

namespace gw::redis {

inline RunRefusal refuse(RunErrc code, std::string detail) {
  RunRefusal refusal;
  refusal.code = code;
  refusal.detail = std::move(detail);
  return refusal;
}

inline RunRefusal run_not_found() { return refuse(RunErrc::not_found, "no such run"); }

inline RunRefusal unavailable(const Error& error) { return refuse(RunErrc::unavailable, error.detail); }

}  // namespace gw::redis
