// What writers of Durable Streams are answered. Pure.
#pragma once

#include "core/run/plain_stream.h"
#include "net/http/message.h"
#include "post_office/http_api/run_bodies.h"
#include "post_office/stream_requests.h"

namespace gw::http_api {

http::Response refusal(const StreamRequestFault& fault);
// `batch`: what was asked to be appended; null: nothing, or by nobody in particular.
http::Response refusal(const StreamRefusal& refusal, const StreamBatch* batch = nullptr);
// A run's refusal in the words of the protocol.
http::Response stream_refusal(const RunRefusal& refusal, const StreamBatch& batch);

http::Response made_answer(const StreamMade& made, std::string_view location);
// Without bytes `is_close_alone`. `offset`: behind what is appended.
struct AppendedBatch {
  std::string offset;
  bool is_closed = false;
  bool duplicate = false;
  bool has_bytes = false;
  const StreamBatch* batch = nullptr;  // null: without a producer
  uint64_t seq = 0;                    // the producer's highest
};
http::Response appended_answer(const AppendedBatch& appended);
std::string offset_of(const StreamTop& top);

}  // namespace gw::http_api
