#include "post_office/http_api/run_events.h"

#include <algorithm>

#include "base/utf8.h"
#include "core/run/plain_stream_machine.h"
#include "core/run_messages.h"
#include "json/json.h"
#include "post_office/http_api/run_bodies.h"

namespace gw::http_api {
namespace {

void append_json_event(std::string& out, std::string_view id, std::string_view name, std::string_view json) {
  if (!id.empty()) out.append("id: ").append(id).append("\n");
  out.append("event: ").append(name).append("\ndata:").append(json).append("\n\n");
}

// No blank behind the colon, as the protocol has it: one that is there is the line's own, and needs another
// that readers take away.
void append_lines(std::string& out, std::string_view data) {
  while (true) {
    const size_t end = data.find_first_of("\r\n");
    out.append(data.starts_with(' ') ? "data: " : "data:").append(data.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + (data.substr(end).starts_with("\r\n") ? 2 : 1));
  }
}

// Of each byte that belongs to no character, U+FFFD.
std::string as_utf8(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const size_t size = utf8_character_size(bytes);
    if (size == 0) {
      append_utf8(out, 0xfffd);
    } else {
      out.append(bytes.substr(0, size));
    }
    bytes.remove_prefix(std::max<size_t>(size, 1));
  }
  return out;
}

// RFC 4648, 4.
std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    uint32_t three = 0;
    for (size_t i = at; i < at + 3; ++i)
      three = three << 8 | (i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0U);
    for (size_t i = 0; i < 4; ++i) out += at + i > bytes.size() ? '=' : kDigits[three >> (18 - 6 * i) & 63];
  }
  return out;
}

}  // namespace

RunCursor cursor_at(const Run& run, uint64_t pos) { return {run.record.epoch, pos, run.log.hash_at(pos)}; }

std::string json_array(std::string_view lines) {
  std::string out = "[";
  while (!lines.empty()) {
    const size_t end = lines.find('\n');
    if (out.size() > 1) out += ',';
    out.append(lines.substr(0, end));
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
  }
  out += ']';
  return out;
}

void append_data_event(std::string& out, const RunCursor& after, StreamKind kind, std::string_view bytes) {
  out.append("event: data\nid: ").append(after.sortable()).append("\n");
  // Events are UTF-8, whatever a plain stream is.
  if (kind == StreamKind::text) append_lines(out, is_valid_utf8(bytes) ? bytes : as_utf8(bytes));
  if (kind == StreamKind::json) append_lines(out, json_array(bytes));
  if (kind == StreamKind::binary) append_lines(out, base64(bytes));
  out.append("\n");
}

void append_control_event(std::string& out, const RunCursor& at, uint64_t stream_cursor, bool up_to_date) {
  std::string json;
  json::Writer writer(json);
  writer.begin_object()
      .member("streamNextOffset", at.sortable())
      .member("streamCursor", std::to_string(stream_cursor));
  if (up_to_date) writer.member("upToDate", true);
  writer.end_object();
  append_json_event(out, {}, "control", json);
}

void append_reset_event(std::string& out, const RunCursor& to, std::string_view cause) {
  std::string json;
  json::Writer(json)
      .begin_object()
      .member("epoch", to.epoch)
      .member("pos", to.pos)
      .member("hash", to.hash.text())
      .member("cause", cause)
      .end_object();
  append_json_event(out, to.sortable(), "reset", json);
}

void append_end_event(std::string& out, const Run& run) {
  const std::string offset = cursor_at(run, run.log.size()).sortable();
  std::string json;
  json::Writer writer(json);
  writer.begin_object()
      .member("streamNextOffset", offset)
      .member("upToDate", true)
      .member("streamClosed", true);
  if (!run.record.rare->stream) {
    writer.member("run_id", run.record.run_id.view());
    append_top(writer, top_of(run));
    append_outcome(writer, run.record);
  }
  writer.end_object();
  append_json_event(out, offset + std::string(kEndSuffix), "control", json);
}

RunStart resume_run(const Run& run, const std::optional<RunCursor>& cursor) {
  if (!cursor) return {0, "diverged", true};
  const bool is_stream{run.record.rare->stream};
  const RunResume resume = is_stream ? plain_stream::resume(run.log, cursor) : run.log.resume(cursor);
  return resumed_run(run.record, resume, cursor);
}

RunStart resumed_run(const RunRecord& run, const RunResume& resume, const std::optional<RunCursor>& cursor) {
  using Kind = RunResume::Kind;
  switch (resume.kind) {
    case Kind::fits: return {resume.pos};
    case Kind::diverged: return {0, "diverged", true};
    case Kind::ahead: return {0, "ahead", true};
    case Kind::fresh: return {};
    case Kind::reset: break;
  }
  const bool is_cut = resume.pos < cursor->pos;
  return {resume.pos, cause_of_reset(run, is_cut), is_cut};
}

}  // namespace gw::http_api
