#include "post_office/http_api/log_answers.h"

#include "post_office/http_api/run_bodies.h"
#include "post_office/http_api/run_events.h"

namespace gw::http_api {
namespace {

// What a plain stream's writers have called it; nobody may take that for a page of this origin.
void say_type(http::Response& response, const PlainStream& stream) {
  response.content_type = {};
  response.header("Content-Type", stream.content_type)
      .header("Content-Security-Policy", "sandbox; default-src 'none'");
  if (stream.is_fixed) response.header("Stream-Expires-At", iso8601(stream.expires_at));
  if (stream.ttl > Duration())
    response.header("Stream-TTL",
                    std::to_string(std::chrono::duration_cast<std::chrono::seconds>(stream.ttl).count()));
}

}  // namespace

StreamKind kind_of(const RunRecord& run) {
  if (run.rare->stream) return stream_kind_of(run.rare->stream->content_type);
  return has_lines(run.format) ? StreamKind::json : StreamKind::text;
}

http::Response log_answer(const RunRecord& run, const RunTop& top, std::string_view bytes) {
  const bool is_json = has_lines(run.format);
  http::Response response;
  response.content_type = is_json ? "application/json" : "text/plain; charset=utf-8";
  response.body = is_json ? json_array(bytes) : std::string(bytes);
  response.header("Stream-Next-Offset", RunCursor{top.epoch, top.pos, top.hash}.sortable())
      .header("Stream-Up-To-Date", "true")
      .header("Cross-Origin-Resource-Policy", "cross-origin");
  if (is_over(top.status)) response.header("Stream-Closed", "true");
  if (run.rare->stream) {
    say_type(response, *run.rare->stream);
  } else {
    response.header("Run-Status", to_string(top.status)).header("Run-Hash", top.hash.text());
  }
  return response;
}

std::string log_etag(uint64_t from, const RunTop& top) {
  return "\"" + std::to_string(from) + ":" + RunCursor{top.epoch, top.pos, top.hash}.text() +
         (is_over(top.status) ? ":c\"" : "\"");
}

bool is_known(std::string_view if_none_match, std::string_view etag) {
  return trim_blanks(if_none_match) == "*" || if_none_match.find(etag) != std::string_view::npos;
}

http::Response no_such_log() {
  RunRefusal refused;
  refused.code = RunErrc::not_found;
  return refusal(refused);
}

http::Response cursor_mismatch() {
  return http::Response::error(410, "cursor_mismatch", "the log has no such place (any more)");
}

http::Response log_expired() {
  return http::Response::error(410, "expired", "the log of this run has made room for others");
}

}  // namespace gw::http_api
