#include "protocol/run_message.h"

#include "json/json.h"

namespace gw::protocol {
namespace {

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out.append(",\"").append(name).append("\":");
  json::append_quoted(out, text);
}

void begin(std::string& out, std::string_view event, const RunHead& head) {
  out.append(R"({"type":"run","event":")").append(event).append("\"");
  append_member(out, "run_id", head.run_id);
  if (!head.id.empty()) out.append(R"(,"id":)").append(head.id);
  if (!head.thread_id.empty()) append_member(out, "thread_id", head.thread_id);
}

void append_number(std::string& out, std::string_view name, uint64_t number) {
  out.append(",\"").append(name).append("\":").append(std::to_string(number));
}

void append_point(std::string& out, const RunPoint& point) {
  append_number(out, "pos", point.pos);
  append_member(out, "hash", point.hash);
}

void end(std::string& out, WallTime now) {
  out.append(R"(,"timestamp":")");
  append_iso8601(out, now);
  out.append(R"("})");
}

}  // namespace

void append_run_snapshot(std::string& out, const RunHead& head, const RunPoint& point,
                         const RunSnapshot& snapshot, WallTime now) {
  out.reserve(out.size() + snapshot.text.size() + 384);
  begin(out, "snapshot", {head.run_id, head.id, {}});
  out.append(R"(,"thread_id":)");
  if (snapshot.thread_id.empty()) {
    out.append("null");
  } else {
    json::append_quoted(out, snapshot.thread_id);
  }
  append_member(out, "channel", snapshot.channel);
  append_member(out, "format", snapshot.format);
  append_number(out, "epoch", point.epoch);
  append_point(out, point);
  append_member(out, "status", snapshot.status);
  append_member(out, "cause", snapshot.cause);
  append_member(out, "text", snapshot.text);
  end(out, now);
}

void append_run_delta(std::string& out, const RunHead& head, const RunPoint& point, uint64_t from,
                      std::string_view text, WallTime now) {
  out.reserve(out.size() + text.size() + 256);
  begin(out, "delta", head);
  append_number(out, "epoch", point.epoch);
  append_number(out, "from", from);
  append_point(out, point);
  append_member(out, "text", text);
  end(out, now);
}

void append_run_reset(std::string& out, const RunHead& head, const RunPoint& point, std::string_view cause,
                      WallTime now) {
  begin(out, "reset", head);
  append_number(out, "epoch", point.epoch);
  append_point(out, point);
  append_member(out, "cause", cause);
  end(out, now);
}

void append_run_top(std::string& out, const RunHead& head, const RunPoint& point, const RunTopOf& top,
                    WallTime now) {
  begin(out, "top", head);
  append_number(out, "epoch", point.epoch);
  append_point(out, point);
  append_member(out, "status", top.status);
  append_member(out, "owner", top.owner);
  append_number(out, "idle_ms", static_cast<uint64_t>(top.idle.count() > 0 ? top.idle.count() : 0));
  out.append(top.cancel_requested ? R"(,"cancel_requested":true)" : R"(,"cancel_requested":false)");
  end(out, now);
}

void append_run_end(std::string& out, const RunHead& head, const RunPoint& point, const RunEndOf& over,
                    WallTime now) {
  begin(out, "end", head);
  append_number(out, "epoch", point.epoch);
  append_point(out, point);
  append_member(out, "status", over.status);
  out.append(R"(,"error":)");
  if (over.error_code.empty()) {
    out.append("null");
  } else {
    json::Writer(out)
        .begin_object()
        .member("code", over.error_code)
        .member("message", over.error_message)
        .end_object();
  }
  out.append(R"(,"result":)").append(over.result.empty() ? "null" : over.result);
  end(out, now);
}

}  // namespace gw::protocol
