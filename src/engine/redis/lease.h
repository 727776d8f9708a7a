// Who lives. Every instance renews its lease once a second; one that has not for kSoft is no longer routed
// to, one whose lease has run out loses what it left to another instance. What follows from Redis's answers
// is lease_state.h's to say. Control loop only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/redis/keys.h"
#include "engine/redis/lease_state.h"
#include "engine/redis/scripts.h"

namespace gw::redis {

class Lease {
 public:
  static constexpr std::chrono::milliseconds kTime = LeaseState::kTime;
  static constexpr std::chrono::milliseconds kSoft = LeaseState::kSoft;
  static constexpr Duration kRenewEvery = 1s;

  struct Events {
    // It had run out (or is new): whatever of this instance was in Redis may be gone. Ends with
    // on_registered().
    std::function<void()> on_lost;
    // Fresh again: what was held back may go on.
    std::function<void()> on_fresh;
  };

  // `presence_max`: as PresenceOptions has it.
  Lease(EventLoop& loop, Client& commands, const Keys& keys, size_t presence_max);

  void start(Events events);
  // The command connection is (not) there.
  void on_up();
  void on_down() { state_.on_down(); }
  // The server is another one, or began anew: what it has of this instance, and of others, may be old.
  void invalidate() { state_.invalidate(loop_.now()); }
  // Everything that the lost lease stood for is in Redis again.
  void on_registered();
  // Gives it back.
  void leave(OnReply done);

  // Asks Redis now rather than within a second; `done` when is_alive() answers of now, or nobody can tell.
  void refresh(std::function<void()> done);
  // As of the last renewal.
  bool is_fresh() const { return state_.is_fresh(loop_.now()); }
  bool is_alive(std::string_view instance) const { return state_.is_alive(instance, loop_.now()); }
  // The same within refresh()'s `done`: one that is not known is not alive.
  bool is_gone(std::string_view instance) const { return state_.is_gone(instance, loop_.now()); }
  bool may_judge() const { return state_.may_judge(loop_.now()); }
  bool may_be_missing() const { return state_.may_be_missing(loop_.now()); }
  bool is_housekeeper() const { return state_.is_housekeeper(); }
  // Channels for which a stopped instance left messages.
  size_t parked_channels() const { return parked_channels_; }
  // Channels whose inbox holds what somebody has to confirm or to get.
  const std::vector<std::string>& waiting_channels() const { return waiting_channels_; }

 private:
  void renew();
  void on_reply(const Result<Reply>& reply);
  void on_renewed(const Reply& reply);
  void reap();
  void reap_some(const std::string& dead, bool is_first);

  EventLoop& loop_;
  Client& commands_;
  const Keys& keys_;
  const std::string presence_max_;
  const std::string token_;  // of this process: an instance id may come again after a restart
  LeaseState state_;
  Events events_;
  std::vector<std::function<void()>> refreshing_;
  size_t parked_channels_ = 0;
  std::vector<std::string> waiting_channels_;
  EventLoop::Registration timer_;
  EventLoop::Registration reap_timer_;
};

}  // namespace gw::redis
