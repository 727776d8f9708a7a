// A header field of an HTTP request as it was sent. Views into the caller's bytes.
#pragma once

#include <string_view>

namespace gw {

struct HttpField {
  std::string_view name;   // compare without regard to case (RFC 9110 5.1)
  std::string_view value;  // without the white space around it

  friend bool operator==(const HttpField&, const HttpField&) = default;
};

}  // namespace gw
