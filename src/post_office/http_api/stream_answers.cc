#include "post_office/http_api/stream_answers.h"

#include <algorithm>

#include "json/json.h"

namespace gw::http_api {
namespace {

int status_of(StreamErrc code) {
  switch (code) {
    case StreamErrc::invalid_argument: return 400;
    case StreamErrc::not_found: return 404;
    case StreamErrc::fenced: return 403;
    case StreamErrc::exists:
    case StreamErrc::content_type:
    case StreamErrc::closed:
    case StreamErrc::sequence_gap:
    case StreamErrc::sequence_conflict:
    case StreamErrc::out_of_order: return 409;
    case StreamErrc::too_large: return 413;
    case StreamErrc::rate_limited:
    case StreamErrc::resource_exhausted: return 429;
    case StreamErrc::unavailable: break;
  }
  return 503;
}

http::Response error(int status, std::string_view code, std::string_view detail) {
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("success", false)
      .member("error", detail)
      .member("code", code)
      .end_object();
  return http::Response::json(status, std::move(body));
}

void say_gap(http::Response& response, uint64_t expected, uint64_t received) {
  response.header("Producer-Expected-Seq", std::to_string(expected))
      .header("Producer-Received-Seq", std::to_string(received));
}

}  // namespace

std::string offset_of(const StreamTop& top) { return RunCursor{0, top.pos, top.hash}.sortable(); }

http::Response refusal(const StreamRequestFault& fault) {
  const bool is_fork = fault.status == 501;
  return error(fault.status,
               is_fork               ? "not_implemented"
               : fault.status == 415 ? http::code_of(415)
                                     : "invalid_argument",
               fault.detail);
}

http::Response refusal(const StreamRefusal& refused, const StreamBatch* batch) {
  // Equal bytes for one that is not there and one that is out of reach.
  if (refused.code == StreamErrc::not_found) {
    RunRefusal hidden;
    hidden.code = RunErrc::not_found;
    return refusal(hidden);
  }
  const int status = status_of(refused.code);
  http::Response response = error(status, to_string(refused.code), refused.detail);
  if (refused.code == StreamErrc::fenced) response.header("Producer-Epoch", std::to_string(refused.epoch));
  if (refused.code == StreamErrc::sequence_gap && batch) say_gap(response, refused.expected_seq, batch->seq);
  if (refused.top && refused.code != StreamErrc::exists) {
    response.header("Stream-Next-Offset", offset_of(*refused.top));
    if (refused.top->is_closed) response.header("Stream-Closed", "true");
  }
  if (status == 429 || status == 503) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(refused.retry_after).count();
    response.header("Retry-After", std::to_string(std::max<int64_t>(seconds, 1)));
  }
  return response;
}

http::Response stream_refusal(const RunRefusal& refused, const StreamBatch& batch) {
  http::Response response = refusal(refused);
  if (refused.code == RunErrc::fenced) response.header("Producer-Epoch", std::to_string(refused.epoch));
  if (refused.code == RunErrc::sequence_gap) say_gap(response, refused.expected_seq, batch.seq);
  if (refused.run) {
    const RunTop& top = *refused.run;
    response.header("Stream-Next-Offset", RunCursor{top.epoch, top.pos, top.hash}.sortable());
    if (is_over(top.status)) response.header("Stream-Closed", "true");
  }
  return response;
}

http::Response made_answer(const StreamMade& made, std::string_view location) {
  http::Response response;
  response.status = made.existed ? 200 : 201;
  response.content_type = {};
  response.header("Content-Type", made.content_type)
      .header("Location", location)
      .header("Stream-Next-Offset", offset_of(made.top));
  if (made.top.is_closed) response.header("Stream-Closed", "true");
  return response;
}

http::Response appended_answer(const AppendedBatch& appended) {
  http::Response response;
  const bool is_new_batch = appended.batch && !appended.duplicate && appended.has_bytes;
  response.status = is_new_batch ? 200 : 204;
  response.content_type = {};
  response.header("Stream-Next-Offset", appended.offset);
  if (appended.is_closed) response.header("Stream-Closed", "true");
  if (appended.batch)
    response.header("Producer-Epoch", std::to_string(appended.batch->epoch))
        .header("Producer-Seq", std::to_string(appended.seq));
  return response;
}

}  // namespace gw::http_api
