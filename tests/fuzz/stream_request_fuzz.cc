// Whatever heads and bodies say about plain streams: what is taken is within its bounds, and can be written
// into a head and an event.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "post_office/stream_requests.h"

namespace {

using namespace gw;

constexpr WallTime kNow{std::chrono::milliseconds(1'767'323'045'000)};

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f; });
}

// "Name: value" a line each, an empty line, the body.
std::vector<HttpField> read_head(std::string_view& text) {
  std::vector<HttpField> head;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.empty()) break;
    const size_t colon = std::min(line.find(':'), line.size());
    head.push_back({line.substr(0, colon), line.substr(std::min(colon + 1, line.size()))});
  }
  return head;
}

void check_creation(const std::vector<HttpField>& head, std::string_view body) {
  const auto stream = read_stream_creation(head, body, kNow);
  if (!stream) {
    ASSERT(!stream.error().detail.empty());
    return;
  }
  ASSERT(is_visible(stream->content_type) && stream->content_type.size() <= StreamLimits::kNameBytes);
  ASSERT(stream->ttl <= StreamLimits::kLifeMax && !(stream->ttl > Duration() && stream->expires_at));
  ASSERT(!stream->expires_at || *stream->expires_at > kNow);
}

void check_append(const std::vector<HttpField>& head, std::string_view body) {
  const auto append = read_stream_append(head, body);
  if (!append) {
    ASSERT(!append.error().detail.empty());
    return;
  }
  ASSERT(is_visible(append->seq) && append->seq.size() <= StreamLimits::kSeqBytes);
  ASSERT(append->close || !append->bytes.empty());
  if (append->batch) {
    ASSERT(!append->batch->producer.empty() && is_visible(append->batch->producer));
    ASSERT(append->batch->epoch <= StreamLimits::kNumberMax &&
           append->batch->seq <= StreamLimits::kNumberMax);
  }
  const bool is_json = !append->bytes.empty() && stream_kind_of(append->media_type) == StreamKind::json;
  if (is_json) ASSERT(append->bytes.back() == '\n' && append->bytes.find('\r') == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::vector<HttpField> head = read_head(text);
  check_creation(head, text);
  check_append(head, text);
  return 0;
}
