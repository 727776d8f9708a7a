// One run that is read here: what its store says of it, and how many readers each shard has. Control loop
// only.
#pragma once

#include "gateway/run_attachments.h"

namespace gw {

class RunAttachments::Feed final : public RunReader {
 public:
  Feed(RunAttachments& owner, std::string run_id)
      : owner_(owner),
        run_id_(std::move(run_id)),
        readers_(owner.options_.shards, 0),
        behind_(owner.options_.shards, false) {}

  const std::string& run_id() const { return run_id_; }
  const RunScopePtr& scope() const { return scope_; }
  bool is_open() const { return scope_ != nullptr; }
  bool is_unread() const { return waiting_.empty() && count_ == 0; }
  const Run* run() const { return reading_.run(); }

  void wait(Opened opened) { waiting_.push_back(std::move(opened)); }
  void hold(RunReading reading) { reading_ = std::move(reading); }
  void on_opened(const RunResult<const Run*>& run);

  void add_reader(uint32_t shard);
  void remove_reader(uint32_t shard);

  // --- What is told ---
  void on_run_changed(const Run& run, const RunChange& change) override;
  void send_top(const Run& run);

 private:
  void tell_bytes(const Run& run, const RunChange& change);
  void tell_epoch(const Run& run, const RunChange& change);
  void tell_end(const Run& run, RunStep::Kind kind);
  void tell_gone(const Run& run);
  void tell_moved(const Run& run);
  void post(const RunStep& step, std::string_view message);

  RunAttachments& owner_;
  const std::string run_id_;
  RunScopePtr scope_;  // null: it is not known yet
  RunReading reading_;
  std::vector<Opened> waiting_;
  // By shard: the readers that answers have made there and that have not been released.
  std::vector<uint32_t> readers_;
  std::vector<bool> behind_;  // it has been told to ask, instead of more
  size_t count_ = 0;          // of all
  // Where those that follow are.
  uint32_t told_epoch_ = 0;
  uint64_t told_pos_ = 0;
};

}  // namespace gw
