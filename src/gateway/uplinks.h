// What clients without a WebSocket post to their streams on this instance: whose it is, and in which order.
// Control loop only.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/digest.h"
#include "core/client_post.h"
#include "core/done.h"
#include "gateway/inter_thread.h"

namespace gw {

class Uplinks {
 public:
  // False: the shard is behind.
  using PostToShard = std::function<bool(command::Post command, size_t bytes)>;

  Uplinks(std::string instance_id, PostToShard post)
      : instance_id_(std::move(instance_id)), post_(std::move(post)) {}

  // The token that its client will show.
  std::string open(const ConnectionId& id, const ConnectionHandle& handle);
  void close(const ConnectionId& id);
  // Answers once its shard has it. One that comes again while it is on its way there gets the same answer.
  void take(const ClientPost& post, Done<PostVerdict> done);
  void on_taken(const event::PostTaken& taken);

 private:
  static constexpr size_t kWaitingMax = 8;  // for one answer

  struct Uplink {
    ConnectionHandle handle;
    Digest secret;
    uint64_t next = 1;
    std::vector<Done<PostVerdict>> waiting;  // for what becomes of `next`; empty: it has not come
  };

  const std::string instance_id_;
  const PostToShard post_;
  std::unordered_map<ConnectionId, Uplink> uplinks_;
};

}  // namespace gw
