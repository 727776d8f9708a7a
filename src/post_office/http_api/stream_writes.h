// Writers of Durable Streams: PUT makes a plain stream, POST appends to one, or to a run by its owner, DELETE
// removes one (docs/PROTOCOL.md, "Durable Streams"). Control loop only.
#pragma once

#include "core/stream_store.h"
#include "net/event_loop.h"
#include "post_office/http_api/runs.h"

namespace gw::http_api {

class StreamWrites {
 public:
  // All outlive it.
  struct Parts {
    EventLoop& loop;
    StreamStore& streams;
    const Runs& runs;
  };
  // `is_on`: whether there are plain streams.
  StreamWrites(const Parts& parts, bool is_on) : parts_(parts), is_on_(is_on) {}

  void put(ApiRequest call);
  void post(ApiRequest call);
  void remove(ApiRequest call);

 private:
  struct Writing;
  void append(const std::shared_ptr<Writing>& writing, const RunTail& known);
  void append_to_run(const std::shared_ptr<Writing>& writing, const RunTail& known);

  const Parts parts_;
  const bool is_on_;
};

}  // namespace gw::http_api
