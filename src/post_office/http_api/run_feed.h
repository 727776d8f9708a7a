// One reader that follows a run, whatever its protocol (run_outlet.h). It is a place in the log: what it has
// no room for is not kept for it, and comes merged once it has room.
#pragma once

#include <memory>

#include "post_office/http_api/run_follower.h"
#include "post_office/http_api/run_outlet.h"

namespace gw::http_api {

class RunFeed final : public RunFollower {
 public:
  // One with more than `lag_bytes` unsent waits.
  RunFeed(std::unique_ptr<RunOutlet> outlet, Settle settle, size_t lag_bytes)
      : RunFollower(std::move(settle)), outlet_(std::move(outlet)), lag_bytes_(lag_bytes) {}

  // Its head goes out then.
  void begin(const Run& run, const RunStart& start) override;
  void refuse(http::Response response) override;
  void on_run_changed(const Run& run, const RunChange& change) override;
  void catch_up() override;
  void keep_alive() override;
  // No clean end: the run is not over, or its reader has not had all of it.
  void cut() override;

 private:
  void advance(const Run& run, bool first = false);
  bool add_pieces(const Run& run);

  const std::unique_ptr<RunOutlet> outlet_;
  const size_t lag_bytes_;
  RunCursor at_;  // what it has been given up to
  bool is_slow_ = false;
  bool must_compare_ = false;
};

}  // namespace gw::http_api
