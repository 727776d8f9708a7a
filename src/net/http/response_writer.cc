#include "net/http/response_writer.h"

#include <fmt/format.h>

#include <ctime>
#include <iterator>

namespace gw::http {
namespace {

// RFC 9110 5.6.7, "Sun, 06 Nov 1994 08:49:37 GMT"; made once a second.
std::string_view http_date(WallTime now) {
  thread_local std::time_t second = -1;
  thread_local std::string text;
  const std::time_t current = std::chrono::system_clock::to_time_t(now);
  if (current != second) {
    constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm tm{};
    gmtime_r(&current, &tm);
    text = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[tm.tm_wday], tm.tm_mday,
                       kMonths[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    second = current;
  }
  return text;
}

}  // namespace

void append_response(std::string& out, const Response& response, const ResponseForm& form, WallTime now) {
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "HTTP/1.1 {} {}\r\nDate: {}\r\n", response.status, reason_of(response.status),
                 http_date(now));
  if (!response.content_type.empty()) fmt::format_to(to, "Content-Type: {}\r\n", response.content_type);
  switch (form.body) {
    case ResponseForm::Body::length:
      if (response.status == 204 || response.status == 304) break;  // RFC 9110 8.6
      if (form.head_only && response.body.empty()) break;           // it may not have been made at all
      fmt::format_to(to, "Content-Length: {}\r\n", response.body.size());
      break;
    case ResponseForm::Body::chunked: out += "Transfer-Encoding: chunked\r\n"; break;
    case ResponseForm::Body::until_close: break;
  }
  // No browser guesses what an answer is.
  fmt::format_to(to, "Cache-Control: {}\r\nX-Content-Type-Options: nosniff\r\n", response.cache_control);
  if (form.close) out += "Connection: close\r\n";
  out.append(form.extra_head).append(response.extra_head).append("\r\n");
  if (form.body == ResponseForm::Body::length && !form.head_only) out += response.body;
}

}  // namespace gw::http
