// What answers show of runs.
#pragma once

#include <string>

#include "core/run/run.h"
#include "json/json.h"
#include "net/http/message.h"
#include "net/http/server.h"

namespace gw::http_api {

// As refusal() of an Error; with "run" where the caller may know, "expected_seq", "epoch", "retry_after_ms".
// Equal bytes for a run that is not there and one that is out of reach.
http::Response refusal(const RunRefusal& refusal);
inline void refuse(http::Responder& responder, const RunRefusal& refused) {
  responder.send(refusal(refused));
}

// "status","epoch","pos","hash"
void append_top(json::Writer& writer, const RunTop& top);

// Members of an object that the caller has begun. `now` by the engine's clock.
void append_record(json::Writer& writer, const RunRecord& record, const ChannelTable& channels, WallTime now);

// "error","result"
void append_outcome(json::Writer& writer, const RunRecord& record);

}  // namespace gw::http_api
