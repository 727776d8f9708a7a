#include "post_office/run_waits.h"

#include <utility>
#include <vector>

namespace gw {
namespace {

// Whoever has gone keeps its place so long.
constexpr Duration kSweepPeriod = 1s;

bool ends_wait(RunWaits::For what, RunChange::Kind change) {
  using Kind = RunChange::Kind;
  if (change == Kind::end || change == Kind::removed || change == Kind::reloaded) return true;
  return what == RunWaits::For::owner && (change == Kind::cancel || change == Kind::epoch);
}

}  // namespace

class RunWaits::Wait final : public RunReader, public std::enable_shared_from_this<Wait> {
 public:
  Wait(RunWaits& owner, For what, const ApiKey& key, http::Responder asker, OnDone done)
      : key_(&key), owner_(owner), what_(what), asker_(std::move(asker)), done_(std::move(done)) {}

  void on_run_changed(const Run& run, const RunChange& change) override {
    const bool ends = change.kind == RunChange::Kind::end;
    if (ends_wait(what_, change.kind)) owner_.end(shared_from_this(), true, ends ? &run : nullptr);
  }

  // It may be over, or cancelled, before anybody listens.
  void on_reading(const RunResult<const Run*>& run) {
    const bool waits =
        run && !is_over((*run)->record.status) && (what_ == For::end || !(*run)->record.cancel_requested);
    if (!waits) owner_.end(shared_from_this(), true);
  }

  bool has_gone() const { return !asker_.is_waiting() || asker_.peer_ended(); }
  void answer(const Run* ended) { std::exchange(done_, nullptr)(ended); }

  RunReading reading;
  EventLoop::Registration deadline;
  const ApiKey* const key_;

 private:
  RunWaits& owner_;
  const For what_;
  const http::Responder asker_;
  OnDone done_;
};

RunWaits::RunWaits(EventLoop& loop, RunStore& runs, const RunWaitLimits& limits)
    : loop_(loop), runs_(runs), limits_(limits), sweeps_(loop.every(kSweepPeriod, [this] { sweep(); })) {}

RunWaits::~RunWaits() = default;

bool RunWaits::wait(const std::string& run_id, For what, Duration most, const ApiKey& key,
                    http::Responder asker, OnDone done) {
  if (closed_ || most <= Duration::zero()) {
    done(nullptr);
    return true;
  }
  size_t& of_key = of_keys_[&key];
  if (waits_.size() >= limits_.waits || of_key >= limits_.waits_of_a_key) return false;
  ++of_key;
  const auto wait = std::make_shared<Wait>(*this, what, key, std::move(asker), std::move(done));
  waits_.insert(wait);
  wait->deadline = loop_.after(most, [this, weak = std::weak_ptr<Wait>(wait)] {
    if (const auto late = weak.lock()) end(late, true);
  });
  RunReading reading = runs_.read(run_id, wait, [weak = std::weak_ptr<Wait>(wait)](const auto& run) {
    if (const auto begun = weak.lock()) begun->on_reading(run);
  });
  // It may have ended within the call.
  if (waits_.contains(wait)) wait->reading = std::move(reading);
  return true;
}

void RunWaits::end(const std::shared_ptr<Wait>& wait, bool answers, const Run* run) {
  const std::shared_ptr<Wait> ended = wait;
  if (waits_.erase(ended) == 0) return;
  --of_keys_[ended->key_];
  ended->reading.reset();
  ended->deadline.reset();
  if (answers) ended->answer(run);
}

void RunWaits::sweep() {
  std::vector<std::shared_ptr<Wait>> gone;
  for (const auto& wait : waits_) {
    if (wait->has_gone()) gone.push_back(wait);
  }
  for (const auto& wait : gone) end(wait, false);
}

void RunWaits::close_all() {
  closed_ = true;
  const std::vector<std::shared_ptr<Wait>> open(waits_.begin(), waits_.end());
  for (const auto& wait : open) end(wait, true);
}

}  // namespace gw
