// Expected failures are values: Result<T> holds a T or an Error. Bugs abort (base/assert.h).
#pragma once

#include <boost/system/result.hpp>
#include <exception>
#include <string>
#include <utility>

namespace gw {

enum class Errc {
  invalid_argument,
  unauthenticated,
  permission_denied,
  not_found,
  already_exists,
  failed_precondition,
  too_large,
  resource_exhausted,
  unavailable,
  timeout,
  protocol_error,
  closed,
  internal,
};

const char* to_string(Errc code);

// `detail` is a sentence for the person who has to mend it. It never holds a token or a payload.
struct Error {
  Errc code = Errc::internal;
  std::string detail;

  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = boost::system::result<T, Error>;

// value() on a failed Result is a bug; boost::system::result asks for this hook.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

}  // namespace gw
