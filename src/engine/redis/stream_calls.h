// The scripts of plain streams with what they take and answer. Control loop only.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/stream_store.h"
#include "engine/redis/run_index.h"

namespace gw::redis {

// What they answer: a code, what the stream is then, and more.
struct StreamAnswer {
  explicit StreamAnswer(const Reply& answer) : reply(answer) {}
  std::string_view code() const { return reply[0].text(); }
  StreamTop top() const;
  uint64_t number(size_t i) const;  // of what follows
  StreamRefusal refusal() const;

  const Reply reply;
};

class StreamCalls {
 public:
  using OnAnswer = std::function<void(const Result<StreamAnswer>&)>;

  StreamCalls(const RunPlaces& places, const RunIndex& index) : places_(places), index_(index) {}

  void put(const NewStream& stream, size_t bytes_max, OnAnswer done);
  // `refused`: with which code, where nothing else is wrong; empty: it is stored then.
  void append(const RunRecord& stream, const StreamAppend& append, std::string_view refused, OnAnswer done);
  void touch(const std::string& id);
  void remove(const std::string& id, const RunReach& reach, OnAnswer done);

 private:
  const RunPlaces& places_;
  const RunIndex& index_;
};

StreamRefusal refuse_stream(StreamErrc code, std::string detail);
inline StreamRefusal stream_unavailable(const Error& error) {
  return refuse_stream(StreamErrc::unavailable, error.detail);
}

}  // namespace gw::redis
