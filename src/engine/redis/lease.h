// Who lives. Every instance renews its lease once a second; one that has not for kSoft is no longer routed
// to, one whose lease has run out loses what it left to another instance. Control loop only.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/redis/keys.h"
#include "engine/redis/scripts.h"

namespace gw::redis {

class Lease {
 public:
  static constexpr std::chrono::milliseconds kTime{15'000};
  static constexpr std::chrono::milliseconds kSoft{3'000};
  static constexpr Duration kRenewEvery = 1s;
  // After Redis was away: by then every instance that lives is back.
  static constexpr Duration kReturn = 3s;

  struct Events {
    // It had run out (or is new): whatever of this instance was in Redis may be gone. Ends with confirmed().
    std::function<void()> on_lost;
    // Fresh again: what was held back may go on.
    std::function<void()> on_fresh;
  };

  Lease(EventLoop& loop, Client& commands, const Keys& keys);

  void start(Events events);
  // The command connection is (not) there.
  void on_up();
  void on_down();
  // The server is another one, or began anew: what it has of this instance, and of others, may be old.
  void distrust();
  // Everything that the lost lease stood for is in Redis again.
  void confirmed();
  // Gives it back.
  void leave(OnReply done);

  // Nobody else thinks that this instance is dead, and what it is known by is in Redis.
  bool is_fresh() const { return confirmed_ && steady_now() - renewed_at_ < kSoft; }
  // Asks Redis now rather than within a second; `done` when is_alive() answers of now, or nobody can tell.
  void refresh(std::function<void()> done);
  // As of the last renewal. An instance it does not know yet is taken for alive, and so is each while Redis
  // has only just come back.
  bool is_alive(std::string_view instance) const;
  // Redis has been there so long that a lease that is not fresh means what it says.
  bool may_judge() const { return loop_.now() - returned_at_ >= kReturn; }
  // What other instances had in Redis may be missing, and on its way back.
  bool may_be_missing() const { return loop_.now() - forgotten_at_ < kReturn; }
  // Channels for which a stopped instance left messages.
  size_t parked_channels() const { return parked_channels_; }
  // Channels whose inbox holds what somebody has to confirm or to get.
  const std::vector<std::string>& waiting_channels() const { return waiting_channels_; }
  // The live instance that does what only one has to do.
  bool is_first() const;

 private:
  struct Peer {
    std::chrono::milliseconds remaining{};
    size_t connections = 0;
  };

  void renew();
  void on_renewed(const Result<Reply>& reply, TimePoint asked_at);
  void reap();
  void reap_some(const std::string& dead);

  EventLoop& loop_;
  Client& commands_;
  const Keys& keys_;
  const std::string token_;  // of this process: an instance id may come again after a restart
  Events events_;
  std::vector<std::function<void()>> refreshing_;
  std::map<std::string, Peer, std::less<>> peers_;
  TimePoint peers_as_of_;
  size_t parked_channels_ = 0;
  std::vector<std::string> waiting_channels_;
  bool claimed_ = false;    // it has been ours once
  bool confirmed_ = false;  // and all that belongs to it is there
  bool distrusted_ = false;
  bool renewing_ = false;
  bool reaping_ = false;
  bool leaving_ = false;
  TimePoint renewed_at_;
  TimePoint up_since_ = TimePoint::max();
  TimePoint returned_at_;   // Redis, from an absence
  TimePoint forgotten_at_;  // by a server that began anew
  EventLoop::Registration timer_;
  EventLoop::Registration reap_timer_;
};

}  // namespace gw::redis
