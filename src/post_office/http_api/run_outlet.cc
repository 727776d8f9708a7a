#include "post_office/http_api/run_outlet.h"

#include <utility>

#include "post_office/http_api/log_answers.h"

namespace gw::http_api {
namespace {

constexpr std::string_view kKeepAlive = ": ka\n\n";

}  // namespace

bool SseOutlet::begin(const Run& run) {
  http::Response head;
  head.content_type = "text/event-stream";
  head.cache_control = "no-cache, no-transform";
  head.header("X-Accel-Buffering", "no");  // nginx would hold events back
  add_head(head, run);
  stream_ = responder_.stream(head);
  // Its client may have left meanwhile, and a HEAD request never stays.
  return stream_.is_open() && stream_.write(": run\n\n");
}

bool SseOutlet::flush() {
  const std::string out = std::exchange(out_, {});
  return stream_.write(out);
}

void SseOutlet::keep_alive() {
  if (stream_.is_open() && stream_.buffered_bytes() == 0) stream_.write(kKeepAlive);
}

void DurableOutlet::add_head(http::Response& head, const Run& run) const {
  if (!run.record.rare->stream) {
    head.header("Run-Status", to_string(run.record.status)).header("Run-Hash", run.log.hash().text());
  } else if (kind_of(run.record) == StreamKind::binary) {
    head.header("Stream-SSE-Data-Encoding", "base64");
  }
}

bool DurableOutlet::add_reset(const RunCursor& to, const RunStart& start) {
  append_reset_event(out_, to, start.reset_cause);
  return true;
}

void DurableOutlet::add_bytes(const RunCursor&, const RunCursor& after, const RunRecord& run,
                              std::string_view bytes, bool up_to_date) {
  append_data_event(out_, after, kind_of(run), bytes);
  append_control_event(out_, after, stream_cursor_(), up_to_date);
}

void DurableOutlet::add_nothing(const RunCursor& at, bool up_to_date) {
  append_control_event(out_, at, stream_cursor_(), up_to_date);
}

}  // namespace gw::http_api
