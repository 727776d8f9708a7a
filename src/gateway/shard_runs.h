// What a shard's clients read of runs: who reads which (core/run_hub.h), what has been asked of the control
// loop and not been answered, and what goes out when. Shard thread only.
#pragma once

#include <deque>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/attach_queue.h"
#include "core/run_hub.h"
#include "gateway/shard.h"
#include "protocol/server_message.h"

namespace gw {

class Shard::Runs {
 public:
  explicit Runs(Shard& shard) : shard_(shard) {}

  // It is told of runs from now on, those too that are pushed to it.
  void follow(Client& client);

  // --- What clients say ---
  void attach(Client& client, const route::Attach& to);
  void detach(Client& client, std::string_view run_id, std::string_view id);
  void cancel(Client& client, const protocol::Cancel& to);
  // What goes with the message that asks for a run.
  std::shared_ptr<const event::RunAsked> ask(Client& client, const route::RunAsk& to,
                                             std::string_view message_id);

  // --- What the control loop answers ---
  void on_answer(const command::RunAnswer& command);
  void on_caught_up(const command::RunCaughtUp& command);
  void on_changed(const command::RunChanged& command);
  void on_offer(const command::RunOffer& command);
  void look_for_all();

  // --- The life of a client ---
  // Its outbox is empty: it gets what it lags behind.
  void go_on(Client& client);
  // Its session is another one, or says something else. `granted`: what it might use before.
  void check_permissions(Client& client, const SessionPtr& before, ChannelSet granted);
  void forget(Client& client);
  TimePoint next_due() const { return hub_.next_due(); }
  void wake_due();

 private:
  size_t lag_bytes() const;
  void look(Client& client);
  size_t attached(const Client& client) const;
  void leave(uint32_t slot, const RunScopePtr& run);
  void come_back(uint32_t slot, std::string_view run_id);
  bool has_left(uint32_t slot, const RunScope& run) const;
  bool has_room(Client& client, const FramePtr& frame) const;
  void adopt(Client& client, const command::RunAnswer& command, const AttachRequest& request);
  void refuse_one_too_many(Client& client, std::string_view id, const protocol::AboutRun& run);
  void send_attaches(Client& client);
  void release(const RunScopePtr& run);
  void end_forbidden(Client& client, const RunScopePtr& run);
  static bool may_see(Client& client, const RunScope& run);
  event::RunClient who(Client& client) const;
  void reply(Client& client, std::string_view message);

  Shard& shard_;
  RunHub hub_;
  AttachQueue queue_;
  // Pushed runs that a client has left, by itself or with their end, the latest kLeftMost: it gets them when
  // it asks for them, and not when they are offered (again).
  static constexpr size_t kLeftMost = 64;
  std::unordered_map<uint32_t, std::deque<RunScopePtr>> left_;  // by slot
};

}  // namespace gw
