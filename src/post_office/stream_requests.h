// What callers say about plain streams, in the head and the body of a request. Pure; a fault is
// invalid_argument, too_large or not_implemented, and names the header.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/http_field.h"
#include "base/time.h"
#include "core/run/plain_stream.h"

namespace gw {

struct StreamRequestFault {
  int status = 400;
  std::string detail;
};
template <class T>
using StreamRequest = boost::system::result<T, StreamRequestFault>;
[[noreturn]] void throw_exception_from_error(const StreamRequestFault& fault,
                                             const boost::source_location& where);

// A PUT: without id and owner.
StreamRequest<NewStream> read_stream_creation(std::span<const HttpField> head, std::string_view body,
                                              WallTime now);
// A POST.
StreamRequest<StreamAppend> read_stream_append(std::span<const HttpField> head, std::string_view body);

}  // namespace gw
