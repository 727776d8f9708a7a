// What this instance listens to in Redis's Pub/Sub, kept across losses of the connection. Control loop only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/done.h"
#include "engine/redis/client.h"

namespace gw::redis {

class Subscriptions {
 public:
  // False: it can't be taken now; the connection waits, and offers it again after Client::resume().
  using OnMessage = std::function<bool(std::string_view payload)>;
  struct Events {
    std::function<void()> on_ready;  // after each (re)connect: everything is subscribed again
    std::function<void()> on_down;
  };

  Subscriptions(EventLoop& loop, Client& connection) : loop_(loop), connection_(connection) {}

  void start(Events events);
  // One handler a name. `done` when Redis has confirmed it; unavailable: not connected (then nothing is
  // kept).
  void add(const std::string& name, OnMessage on_message, Done<void> done);
  // The same, whether connected or not: for what has to be heard as long as the process lives. `on_again`
  // after a loss, before the first message that is heard again.
  void keep(const std::string& name, OnMessage on_message, std::function<void()> on_again = {});
  void remove(const std::string& name);
  // The handler is called until Redis has confirmed that nothing more comes; then `done`.
  void leave(const std::string& name, std::function<void()> done);
  bool is_ready() const { return ready_; }

 private:
  struct Entry {
    std::shared_ptr<const OnMessage> on_message;  // held while it runs: it may give up its own name
    std::vector<Done<void>> waiting;              // for the confirmation
    std::function<void()> leaving;                // set: unsubscribed, not confirmed
    std::function<void()> on_again;
    bool confirmed = false;
    bool missed = false;  // it was confirmed, and lost
  };

  void on_up();
  void on_down();
  bool on_push(const Reply& push);
  void on_confirmed(std::string_view name);
  void on_left(std::string_view name);
  void on_unsubscribed(std::string_view name);

  void ask();
  void subscribe(const std::string& name);
  void unsubscribe(const std::string& name);

  EventLoop& loop_;
  Client& connection_;
  Events events_;
  std::map<std::string, Entry, std::less<>> entries_;
  // Confirmations on their way for subscriptions that were given up before: not those of a new one.
  std::map<std::string, size_t, std::less<>> given_up_;
  // That they have ended, as was asked for.
  std::map<std::string, size_t, std::less<>> ending_;
  bool ready_ = false;
  std::optional<TimePoint> asked_at_;  // a PING that has no answer yet
  TimePoint looked_at_;                // when that was judged last
  EventLoop::Registration ask_;
};

}  // namespace gw::redis
