// A connection to Redis that comes back by itself. While it is down, commands fail at once. Control loop
// only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "engine/redis/dial.h"

namespace gw::redis {

struct ConnectionStats {
  bool up = false;
  uint64_t commands_total = 0;
  uint64_t errors_total = 0;  // error replies
  uint64_t losses_total = 0;  // times it went down
  size_t pending = 0;
};

class Client {
 public:
  struct Events {
    std::function<void()> on_up;    // ready for commands
    std::function<void()> on_down;  // pending commands have failed before
    std::function<bool(const Reply&)> on_push;
  };

  // `name` says in logs which one it is.
  Client(EventLoop& loop, const DialOptions& options, std::string name);
  ~Client();

  void start(Events events);
  bool is_up() const { return link_ && link_->is_open(); }
  // More would only wait: whoever can keep a message should.
  bool is_full() const;

  void command(std::span<const std::string_view> words, OnReply done);
  void command(std::initializer_list<std::string_view> words, OnReply done) {
    command(std::span(words.begin(), words.size()), std::move(done));
  }
  // PUBLISH, to whoever listens by Subscriptions.
  void publish(std::string_view name, std::string_view payload, OnReply done);
  // SUBSCRIBE and UNSUBSCRIBE: what they bring are pushes.
  void send(std::span<const std::string_view> words);
  // A push was held: tries it again.
  void resume();
  bool is_holding() const { return link_ && link_->is_holding(); }
  // When the last byte came.
  TimePoint heard_at() const { return link_ ? link_->heard_at() : TimePoint(); }
  // It does not do what it should (a probe did not arrive): begin anew.
  void restart(const Error& why);

  // Of a cluster's slot: Pub/Sub is the shard's, and scripts are given guard_key() as well.
  bool is_cluster() const { return options_.url.is_cluster; }
  const std::string& guard_key() const { return options_.guard_key; }
  // The process that it speaks to; empty: down, or the server does not say.
  const std::string& run_id() const { return run_id_; }
  const std::string& name() const { return name_; }

  ConnectionStats stats() const;

 private:
  void dial();
  void on_dialled(Result<Dialled> dialled);
  void on_down(const Error& why);
  void on_error(const Error& error);
  void restart_soon(const Error& why);
  void redial_later(const Error& why);

  EventLoop& loop_;
  const DialOptions options_;
  const std::string name_;
  Events events_;
  std::shared_ptr<Link> link_;  // null: down
  std::string run_id_;
  std::shared_ptr<Dial> dial_;
  TimePoint up_since_;
  Duration backoff_{};
  std::map<std::string, TimePoint, std::less<>> errors_logged_at_;  // by Redis's word for it
  std::string last_failure_;                                        // logged once, however often it comes
  ConnectionStats stats_;
  ClusterMap::Watch watch_;  // of its slot
  EventLoop::Registration redial_;
  EventLoop::Registration flush_;
  EventLoop::Registration check_;
  TimePoint checked_at_;
};

}  // namespace gw::redis
