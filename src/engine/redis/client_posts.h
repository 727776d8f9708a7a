// What clients without a WebSocket post to one instance while another one holds their stream: a question over
// that instance's Pub/Sub channel, and its answer over ours. Control loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/client_post.h"
#include "core/done.h"
#include "engine/redis/client.h"
#include "engine/redis/keys.h"
#include "json/json.h"

namespace gw::redis {

class ClientPosts {
 public:
  using Take = std::function<void(const ClientPost&, Done<PostVerdict>)>;

  // All outlive it.
  ClientPosts(EventLoop& loop, Client& messages, const Keys& keys);

  // `not_heard`: nobody listens there; it says what that means.
  void send(const ClientPost& post, Done<PostVerdict> done, std::function<void(Done<void>)> not_heard);
  // What came on our own channel. False: it is nothing of these.
  bool on_heard(const json::Object& message, const Take& take);

 private:
  static constexpr Duration kPatience = 5s;
  static constexpr size_t kPendingMax = 10'000;

  struct Pending {
    TimePoint until;
    Done<PostVerdict> done;
  };

  void take(const json::Object& post, const Take& take);
  void answer(std::string_view instance, int64_t call, const Result<PostVerdict>& verdict);
  void on_answer(const json::Object& answer);
  void end(int64_t call, const Result<PostVerdict>& verdict);
  void give_up();

  EventLoop& loop_;
  Client& messages_;
  const Keys& keys_;
  int64_t last_call_;
  std::map<int64_t, Pending> pending_;  // in the order of their ends
  EventLoop::Registration tick_;
};

}  // namespace gw::redis
