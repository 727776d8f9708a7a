// Runs that realms have made for somebody to read who has not asked: every instance hears of each, and those
// who come later find what is still open. Control loop only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/run_store.h"
#include "engine/redis/run_index.h"

namespace gw::redis {

class RunPushes {
 public:
  // All outlive it.
  struct Parts {
    const RunPlaces& places;
    const RunIndex& index;
  };
  explicit RunPushes(const Parts& parts);

  void on_pushed(std::function<void(const RunPushed&)> pushed) { on_pushed_ = std::move(pushed); }
  // The run is there. `done` when Redis has it and has told the instances.
  void push(const RunPushed& pushed, Done<void> done);
  // As RunStore::find_pushed().
  void find(const RunAudience& audience, RunDone<std::vector<std::string>> done);

 private:
  struct Finding;
  void on_notice(std::string_view payload);
  void look_at(const std::shared_ptr<Finding>& finding, const Reply& ids);

  const Parts parts_;
  std::function<void(const RunPushed&)> on_pushed_ = [](const RunPushed&) {};
};

}  // namespace gw::redis
