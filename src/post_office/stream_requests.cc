#include "post_office/stream_requests.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "base/rfc3339.h"
#include "json/json.h"
#include "post_office/run_requests.h"

namespace gw {
namespace {

constexpr std::string_view kBinary = "application/octet-stream";

bool is_visible(std::string_view text, bool blanks = false) {
  return std::all_of(text.begin(), text.end(),
                     [blanks](char c) { return (c > ' ' && c < 0x7f) || (blanks && c == ' '); });
}

// Headers, each at most once. Read all that a call needs, then look at fault() once.
class Head {
 public:
  explicit Head(std::span<const HttpField> fields) : fields_(fields) {}

  // Empty: it is not there. One without a value is a fault.
  std::optional<std::string> text(std::string_view name, size_t bytes_max) {
    std::optional<std::string> found;
    for (const HttpField& field : fields_) {
      if (!equal_ignoring_case(field.name, name)) continue;
      if (found) blame(std::string(name) + " must not stand twice");
      found = trim_blanks(field.value);
    }
    if (found && found->empty()) blame(std::string(name) + " must not be empty");
    if (found && found->size() > bytes_max)
      blame(std::string(name) + " must not be longer than " + std::to_string(bytes_max) + " bytes");
    return found;
  }
  std::optional<std::string> visible(std::string_view name, size_t bytes_max) {
    auto found = text(name, bytes_max);
    if (found && !is_visible(*found)) blame(std::string(name) + " must be visible ASCII without blanks");
    return found;
  }
  // Decimal digits without a zero before them.
  std::optional<uint64_t> number(std::string_view name, uint64_t least, uint64_t most) {
    const auto found = text(name, 32);
    if (!found) return {};
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(found->data(), found->data() + found->size(), value);
    const bool is_it = error == std::errc() && end == found->data() + found->size() &&
                       (found->size() == 1 || found->front() != '0') && value >= least && value <= most;
    if (is_it) return value;
    blame(std::string(name) + " must be a whole number from " + std::to_string(least) + " to " +
          std::to_string(most));
    return {};
  }
  // "true"; the protocol takes every other value for none.
  bool is_true(std::string_view name) const {
    return std::any_of(fields_.begin(), fields_.end(), [name](const HttpField& field) {
      return equal_ignoring_case(field.name, name) && equal_ignoring_case(trim_blanks(field.value), "true");
    });
  }
  bool has(std::string_view name) const {
    return std::any_of(fields_.begin(), fields_.end(),
                       [name](const HttpField& field) { return equal_ignoring_case(field.name, name); });
  }
  void blame(std::string detail, int status = 400) {
    if (!fault_) fault_ = StreamRequestFault{status, std::move(detail)};
  }
  const std::optional<StreamRequestFault>& fault() const { return fault_; }

 private:
  const std::span<const HttpField> fields_;
  std::optional<StreamRequestFault> fault_;
};

std::optional<std::string> read_content_type(Head& head) {
  auto type = head.text("Content-Type", StreamLimits::kNameBytes);
  if (!type) return type;
  const std::string media = media_type_of(*type);
  const size_t slash = media.find('/');
  const bool has_both = slash != std::string::npos && slash > 0 && slash + 1 < media.size();
  if (!is_visible(*type, true) || !is_visible(media) || !has_both)
    head.blame("Content-Type must be type/subtype, in visible ASCII");
  return type;
}

// Bytes are stored as they come.
void refuse_coding(Head& head) {
  const auto coding = head.text("Content-Encoding", 64);
  if (coding && !equal_ignoring_case(*coding, "identity"))
    head.blame("Content-Encoding is not served; send the body as it is", 415);
}

// JSON mode: items a line each. The items of an array stand for themselves.
std::string json_lines(Head& head, std::string_view body, bool may_be_none) {
  std::string lines;
  if (body.empty()) return lines;
  const auto value = json::parse(body);
  if (!value) {
    head.blame("the body must be JSON: " + value.error().message());
    return lines;
  }
  if (!value->is_array()) {
    append_item(lines, value->raw());
    return lines;
  }
  for (const json::Value& item : json::elements(*value)) append_item(lines, item.raw());
  if (lines.empty() && !may_be_none) head.blame("the body must not be an empty array");
  return lines;
}

std::string read_bytes(Head& head, std::string_view body, std::string_view type, bool may_be_none) {
  refuse_coding(head);
  if (stream_kind_of(type) == StreamKind::json) return json_lines(head, body, may_be_none);
  return std::string(body);
}

void read_life(Head& head, NewStream& stream, WallTime now) {
  constexpr auto kMost = std::chrono::duration_cast<std::chrono::seconds>(StreamLimits::kLifeMax);
  const auto ttl = head.number("Stream-TTL", 1, static_cast<uint64_t>(kMost.count()));
  const auto text = head.text("Stream-Expires-At", 64);
  if (ttl && text) head.blame("Stream-TTL and Stream-Expires-At exclude each other");
  if (ttl) stream.ttl = std::chrono::seconds(*ttl);
  if (!text) return;
  stream.expires_at = parse_rfc3339(*text);
  if (!stream.expires_at) return head.blame("Stream-Expires-At must be a time as RFC 3339 writes it");
  if (*stream.expires_at <= now || *stream.expires_at > now + kMost)
    head.blame("Stream-Expires-At must be in the future, and no more than 7 days ahead");
}

std::optional<StreamBatch> read_batch(Head& head) {
  const auto producer = head.visible("Producer-Id", StreamLimits::kNameBytes);
  const auto epoch = head.number("Producer-Epoch", 0, StreamLimits::kNumberMax);
  const auto seq = head.number("Producer-Seq", 0, StreamLimits::kNumberMax);
  const int given = (producer ? 1 : 0) + (epoch ? 1 : 0) + (seq ? 1 : 0);
  if (given == 0) return {};
  if (given < 3) head.blame("Producer-Id, Producer-Epoch and Producer-Seq belong together");
  return StreamBatch{producer.value_or(""), epoch.value_or(0), seq.value_or(0)};
}

}  // namespace

void throw_exception_from_error(const StreamRequestFault& fault, const boost::source_location&) {
  throw std::logic_error("a fault was taken for a value: " + fault.detail);
}

StreamRequest<NewStream> read_stream_creation(std::span<const HttpField> fields, std::string_view body,
                                              WallTime now) {
  Head head(fields);
  NewStream stream;
  for (const char* fork : {"Stream-Forked-From", "Stream-Fork-Offset", "Stream-Fork-Sub-Offset"}) {
    if (head.has(fork)) head.blame(std::string(fork) + ": forks are not served", 501);
  }
  stream.content_type = read_content_type(head).value_or(std::string(kBinary));
  read_life(head, stream, now);
  stream.closed = head.is_true("Stream-Closed");
  stream.bytes = read_bytes(head, body, stream.content_type, true);
  if (head.fault()) return *head.fault();
  return stream;
}

StreamRequest<StreamAppend> read_stream_append(std::span<const HttpField> fields, std::string_view body) {
  Head head(fields);
  StreamAppend append;
  append.close = head.is_true("Stream-Closed");
  append.seq = head.visible("Stream-Seq", StreamLimits::kSeqBytes).value_or("");
  append.batch = read_batch(head);
  if (body.empty()) {
    if (!append.close) head.blame("the body must not be empty, but to close the stream");
  } else {
    const auto type = read_content_type(head);
    if (!type) head.blame("Content-Type is required");
    append.media_type = media_type_of(type.value_or(""));
    append.bytes = read_bytes(head, body, append.media_type, false);
  }
  if (head.fault()) return *head.fault();
  return append;
}

}  // namespace gw
