// The attaches of a shard's clients that have not been answered: in order, not too many at once, and none
// while its client is behind with what it has. Pure. Shard thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/run/cursor.h"

namespace gw {

struct AttachRequest {
  std::string run_id;     // or
  std::string thread_id;  // its latest
  std::optional<RunCursor> cursor;
  uint16_t coalesce_ms = 0;
  std::string id;          // raw JSON; empty: none
  bool is_pushed = false;  // nobody asks: when it can't be had, nothing is said
};

class AttachQueue {
 public:
  static constexpr size_t kDetachesMax = 64;  // of one attach
  // As many answers can't fill an outbox before it is looked at again.
  static constexpr size_t kAtOnce = 4;

  void add(uint32_t slot, AttachRequest request);
  // For a message that asks for this run: it is sent by itself. Its number.
  uint64_t reserve(uint32_t slot, std::string_view run_id);
  size_t count(uint32_t slot) const;
  bool has(uint32_t slot, std::string_view run_id) const;

  // send(number, request) for those whose turn it is.
  template <class Send>
  void send(uint32_t slot, Send&& send);

  struct Answered {
    AttachRequest request;
    std::vector<std::string> detaches;  // what came behind it: their ids, the last kDetachesMax
  };
  // Empty: nobody waits for it.
  std::optional<Answered> answered(uint32_t slot, uint64_t number);
  // Its answer has found no room. It is sent again in its turn. False: it cannot be.
  bool defer(uint32_t slot, uint64_t number);
  // The detach of a run whose attach is not answered has to wait for that. False: there is none.
  bool detach_later(uint32_t slot, std::string_view run_id, std::string_view id);
  void forget(uint32_t slot) { clients_.erase(slot); }

 private:
  struct Entry {
    uint64_t number;
    AttachRequest request;
    bool reserved;  // sent by somebody else
    bool sent;
    std::vector<std::string> detaches = {};
  };
  using Entries = std::deque<Entry>;

  Entries::iterator find(Entries& entries, uint64_t number);

  std::unordered_map<uint32_t, Entries> clients_;  // by slot
  uint64_t last_number_ = 0;
};

template <class Send>
void AttachQueue::send(uint32_t slot, Send&& send) {
  const auto found = clients_.find(slot);
  if (found == clients_.end()) return;
  size_t sent = 0;
  bool asks = false;
  for (Entry& entry : found->second) {
    asks = asks || entry.reserved;
    if (entry.reserved) continue;
    if (++sent > kAtOnce) return;
    if (entry.sent) continue;
    // The thread's latest may be the run that has just been asked for: nothing of that comes before its ack.
    if (asks && !entry.request.thread_id.empty()) return;
    entry.sent = true;
    send(entry.number, entry.request);
  }
}

}  // namespace gw
