// A run's log for readers of another protocol: each line is one event, as it was written, with the place
// behind it as its `id:`. What the lines are was decided when they were written.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "post_office/http_api/run_outlet.h"

namespace gw::http_api {

class ChunkOutlet final : public SseOutlet {
 public:
  using AddHead = std::function<void(http::Response& head, const Run& run)>;
  // `add`: to the head, what is the protocol's. `farewell`: said behind the last line.
  ChunkOutlet(http::Responder responder, AddHead add, std::string_view farewell)
      : SseOutlet(std::move(responder)), add_(std::move(add)), farewell_(farewell) {}

  // What has been read can't be taken back.
  bool add_reset(const RunCursor&, const RunStart& start) override { return !start.loses; }
  void add_bytes(const RunCursor& from, const RunCursor& after, const RunRecord& run, std::string_view bytes,
                 bool up_to_date) override;
  void add_nothing(const RunCursor&, bool) override {}
  void add_end(const Run&) override { out_ += farewell_; }

 private:
  void add_head(http::Response& head, const Run& run) const override;

  const AddHead add_;
  const std::string_view farewell_;  // static text
};

}  // namespace gw::http_api
