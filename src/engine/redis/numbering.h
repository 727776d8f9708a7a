// That all instances count the partitions alike: the first to come writes into each which one it is, of how
// many, and whoever has it otherwise stays away. It is forgotten when all of them are gone. Control loop
// only.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "engine/redis/client.h"
#include "engine/redis/keys.h"
#include "net/event_loop.h"

namespace gw::redis {

class Numbering {
 public:
  Numbering(EventLoop& loop, Client& commands, const Keys& keys, size_t index, size_t count);

  // The server is (back) there. `agreed` when it says the same, however often it has to be asked; unless the
  // connection ends before.
  void ask(std::function<void()> agreed);
  // Since the connection is there.
  bool is_agreed() const { return is_agreed_; }
  void on_down() {
    is_agreed_ = false;
    agreed_ = nullptr;
  }

 private:
  void look();
  void on_answer(const Result<Reply>& reply);
  void refuse(const std::string& theirs);

  EventLoop& loop_;
  Client& commands_;
  const std::string key_;
  const std::string ours_;
  bool is_agreed_ = false;
  std::function<void()> agreed_;
  std::optional<TimePoint> refused_at_;
  EventLoop::Registration looks_;
  EventLoop::Registration away_;
};

}  // namespace gw::redis
