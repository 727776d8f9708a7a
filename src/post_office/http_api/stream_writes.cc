#include "post_office/http_api/stream_writes.h"

#include <algorithm>

#include "base/utf8.h"
#include "post_office/http_api/log_answers.h"
#include "post_office/http_api/run_call.h"
#include "post_office/http_api/stream_answers.h"

namespace gw::http_api {
namespace {

RunReach reach_of(const ApiKey& key) {
  RunReach reach = AuthorizedRuns::reach_of(key);
  reach.streams = true;
  return reach;
}

http::Response switched_off() {
  return http::Response::error(403, "permission_denied", "plain streams are switched off here (streams)");
}

http::Response invalid(const char* detail, int status = 400) {
  return refusal(StreamRequestFault{status, detail});
}

// Of a request that names a log in its path; empty: no log has such a name.
std::optional<std::string> id_of(const http::Request& request) {
  Result<std::string> id = path_parameter(request, "id");
  if (!id || !is_valid_run_id(*id)) return {};
  return std::move(*id);
}

}  // namespace

// --- PUT --------------------------------------------------------------------------------------------------

void StreamWrites::put(ApiRequest call) {
  const http::Request& request = call.request;
  http::Responder& responder = call.responder;
  if (!is_on_) return responder.send(switched_off());
  const auto id = id_of(request);
  if (!id || id->starts_with("run_"))
    return responder.send(
        invalid("a stream's name must match [A-Za-z0-9_.~-]{1,128} and not begin with run_: those are the "
                "gateway's"));
  auto stream = read_stream_creation(request.fields, request.body, parts_.loop.wall_now());
  if (!stream) return responder.send(refusal(stream.error()));
  stream->id = *id;
  stream->tenant_id = call.key->tenant_id;
  stream->realm = call.key->realm;
  std::string location(request.scheme);
  location.append("://").append(request.host).append("/v1/stream/").append(*id);
  parts_.streams.put_stream(std::move(*stream),
                            [responder, location](const StreamResult<StreamMade>& made) mutable {
                              responder.send(made ? made_answer(*made, location) : refusal(made.error()));
                            });
}

// --- POST -------------------------------------------------------------------------------------------------

struct StreamWrites::Writing {
  const ApiKey& key;
  std::string id;
  StreamAppend append;
  http::Responder responder;
};

void StreamWrites::post(ApiRequest call) {
  const http::Request& request = call.request;
  auto append = read_stream_append(request.fields, request.body);
  if (!append) return call.responder.send(refusal(append.error()));
  const auto id = id_of(request);
  if (!id) return call.responder.send(no_such_log());
  const auto writing =
      std::make_shared<Writing>(Writing{*call.key, *id, std::move(*append), std::move(call.responder)});
  parts_.runs.runs.runs().find_tail(*id, reach_of(*call.key), std::nullopt,
                                    [this, writing](const RunResult<RunTail>& known) {
                                      if (!known) return writing->responder.send(refusal(known.error()));
                                      if (known->record.rare->stream) return this->append(writing, *known);
                                      append_to_run(writing, *known);
                                    });
}

void StreamWrites::append(const std::shared_ptr<Writing>& writing, const RunTail& known) {
  if (!is_on_) return writing->responder.send(switched_off());
  const bool has_bytes = !writing->append.bytes.empty();
  const auto batch = writing->append.batch;
  parts_.streams.append_stream(
      known, reach_of(writing->key), std::move(writing->append),
      [writing, has_bytes, batch](const StreamResult<StreamAppended>& appended) {
        const StreamBatch* const asked = batch ? &*batch : nullptr;
        if (!appended) return writing->responder.send(refusal(appended.error(), asked));
        writing->responder.send(appended_answer({offset_of(appended->top), appended->top.is_closed,
                                                 appended->duplicate, has_bytes, asked, appended->seq}));
      });
}

namespace {

// What a batch is of a run: its epoch is the claim's. Empty, and the run is told why: it cannot be one.
std::optional<http::Response> refuse_for_run(const StreamAppend& append, const RunTail& known) {
  const RunRecord& run = known.record;
  if (!append.batch)
    return invalid("a run takes batches of its owner alone: Producer-Id, Producer-Epoch and Producer-Seq");
  if (!append.seq.empty()) return invalid("a run has no Stream-Seq");
  StreamRefusal refused;
  refused.code = StreamErrc::content_type;
  refused.detail = "the run has another format";
  const bool is_json = append.media_type == "application/json";
  const bool may_be = is_json || append.media_type == "text/plain";
  if (!append.bytes.empty() && (!may_be || is_json != has_lines(run.format))) return refusal(refused);
  // Its readers are told characters.
  if (!is_json && !is_valid_utf8(append.bytes))
    return invalid("the body must be UTF-8 and must not end inside a character: a run is text");
  // Who takes that for fenced would try one epoch after the other.
  if (append.batch->epoch > run.claim_epoch) {
    RunRefusal moved = refusal_of(RunErrc::moved, "no claim of the run has that Producer-Epoch");
    moved.run = known.top;
    return stream_refusal(moved, *append.batch);
  }
  const auto items = std::count(append.bytes.begin(), append.bytes.end(), '\n');
  if (is_json && static_cast<size_t>(items) > RunLimits::kAppendItems)
    return invalid("an append to a run has at most 1000 items", 413);
  return {};
}

}  // namespace

void StreamWrites::append_to_run(const std::shared_ptr<Writing>& writing, const RunTail& known) {
  StreamAppend& asked = writing->append;
  if (auto refused = refuse_for_run(asked, known)) return writing->responder.send(*std::move(refused));
  const StreamBatch batch = *asked.batch;
  const uint64_t next = known.record.batches.next();
  const bool has_bytes = !asked.bytes.empty(), is_json = asked.media_type == "application/json";
  RunAppend append{batch.producer, static_cast<uint32_t>(batch.epoch), batch.seq, std::move(asked.bytes)};
  if (has_bytes) append.format = is_json ? RunFormat::json : RunFormat::text;
  if (asked.close) append.end = RunEnd();
  parts_.runs.runs.append(
      writing->key, writing->id, std::move(append),
      [this, writing, batch, has_bytes, next](const RunResult<RunAppended>& appended) {
        if (!appended) return writing->responder.send(stream_refusal(appended.error(), batch));
        const bool is_closed = is_over(appended->status);
        if (!is_closed) parts_.runs.deliveries.keep_open(writing->id, writing->key.tenant_id);
        const RunCursor at{static_cast<uint32_t>(batch.epoch), appended->pos, appended->hash};
        const uint64_t highest = appended->duplicate ? std::max(batch.seq + 1, next) - 1 : batch.seq;
        writing->responder.send(
            appended_answer({at.sortable(), is_closed, appended->duplicate, has_bytes, &batch, highest}));
      });
}

// --- DELETE -----------------------------------------------------------------------------------------------

void StreamWrites::remove(ApiRequest call) {
  const auto id = id_of(call.request);
  if (!id) return call.responder.send(no_such_log());
  parts_.runs.runs.runs().find_record(
      *id, reach_of(*call.key),
      [this, id = *id, key = call.key,
       responder = call.responder](const RunResult<const Run*>& known) mutable {
        if (!known) return responder.send(refusal(known.error()));
        if (!(*known)->record.rare->stream)
          return refuse(
              responder,
              refusal_of(RunErrc::exists, "this is a run: DELETE /api/post-office/runs/{run_id} deletes it"));
        if (!is_on_) return responder.send(switched_off());
        parts_.streams.remove_stream(id, reach_of(*key),
                                     [responder](const StreamResult<void>& removed) mutable {
                                       if (!removed) return responder.send(refusal(removed.error()));
                                       http::Response done;
                                       done.status = 204;
                                       done.content_type = {};
                                       responder.send(std::move(done));
                                     });
      });
}

}  // namespace gw::http_api
