// How a run's log, or a plain stream, is told in one answer: in the words of Durable Streams. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/run/run.h"
#include "net/http/message.h"

namespace gw::http_api {

// Its bytes, and where they end.
http::Response log_answer(const RunRecord& run, const RunTop& top, std::string_view bytes);
// Of a log from `from` on, in quotes: it changes with every byte and with the end.
std::string log_etag(uint64_t from, const RunTop& top);
// Whether If-None-Match names it.
bool is_known(std::string_view if_none_match, std::string_view etag);

// One that is not there, or out of reach: equal bytes.
http::Response no_such_log();
http::Response cursor_mismatch();
http::Response log_expired();

// How the bytes are written in events.
StreamKind kind_of(const RunRecord& run);

}  // namespace gw::http_api
