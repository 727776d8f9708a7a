#include "core/run/plain_stream.h"

#include <algorithm>
#include <stdexcept>

#include "base/http_field.h"

namespace gw {
namespace {

constexpr std::string_view kCodes[] = {"invalid_argument", "stream_not_found",  "stream_exists",
                                       "content_type",     "stream_closed",     "fenced",
                                       "sequence_gap",     "sequence_conflict", "stream_seq_out_of_order",
                                       "stream_too_large", "rate_limited",      "resource_exhausted",
                                       "unavailable"};

}  // namespace

std::string media_type_of(std::string_view content_type) {
  std::string type(trim_blanks(content_type.substr(0, content_type.find(';'))));
  std::transform(type.begin(), type.end(), type.begin(), ascii_lower);
  return type;
}

StreamKind stream_kind_of(std::string_view content_type) {
  const std::string type = media_type_of(content_type);
  if (type == "application/json") return StreamKind::json;
  return type.starts_with("text/") ? StreamKind::text : StreamKind::binary;
}

std::string_view to_string(StreamErrc code) { return kCodes[static_cast<size_t>(code)]; }

void throw_exception_from_error(const StreamRefusal& refusal, const boost::source_location&) {
  throw std::logic_error("a refusal was taken for a value: " + std::string(to_string(refusal.code)));
}

}  // namespace gw
