// Competing agents over Redis Streams: one consumer group of a channel's inbox over all instances. This
// instance is one consumer of it, whatever number of agents it has; what they do not acknowledge is claimed
// again by any instance, and given up after GroupMembers::kDeliveriesMax. Control loop only.
//
//   in the stream --read, claim--> taken --> with a member --acknowledge--> gone
//         ^                          |            ^
//         |                          `--> held ---'  (no member has room: nothing more is read either)
//         `--- open for ack_wait, wherever it is: any instance claims it
//
// Redis counts ack_wait from when this instance took an entry. A member has all of it: what it gets late
// begins anew, and what another instance may have claimed meanwhile it gets only when Redis says that it did
// not.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/agent_delivery.h"
#include "core/group_members.h"
#include "engine/redis/keys.h"
#include "engine/redis/scripts.h"
#include "engine/redis/subscriptions.h"

namespace gw::redis {

class Inbox {
 public:
  struct Options {
    Duration age_max = 24h;
    size_t size_max = 100'000;
    Duration ack_wait = GroupMembers::kAckWait;
  };

  Inbox(std::string_view channel, EventLoop& loop, Client& commands, Subscriptions& subscriptions,
        const Keys& keys, const Options& options);

  // Whether it is safe to deliver now.
  void gate(std::function<bool()> may_deliver) { may_deliver_ = std::move(may_deliver); }
  // Nothing is delivered before `done`, and neither is called once it has left.
  void join(SubscriptionId id, const AgentSubscription& subscription, std::weak_ptr<AgentSink> sink,
            Done<void> done);
  // Nothing happens for an id that is not here.
  void leave(SubscriptionId id);
  void acknowledge(const AgentSubscription& group, const std::vector<std::string>& ids, Done<size_t> done);
  void working(const AgentSubscription& group, const std::vector<std::string>& ids, Done<size_t> done);

  void give_up(const AgentSubscription& group, const std::vector<std::string>& ids, std::string_view reason,
               Done<size_t> done);

  // Redis is (back) there: the group for agents with a Redis client of their own exists from now on.
  void on_up();
  // Reads on, claims, and, where `first`, tidies. Every 100 ms or so.
  void tick(TimePoint now, bool first);
  // `tenant`: of the groups bound to it; empty: of all.
  size_t members(std::string_view tenant) const;
  size_t unacknowledged(std::string_view tenant) const;
  uint64_t dead_letters() const { return dead_letters_; }  // that this instance has put aside

 private:
  struct Held {
    std::string id;
    std::string envelope;
    TimePoint since;  // it was asked for: Redis has it open for no longer
  };
  struct Group {
    std::string name;
    std::string tenant;
    GroupMembers members;
    std::deque<Held> held;  // taken from the stream; no member has room
    bool reading = false;
    bool more = false;     // asked to read while reading
    bool looking = false;  // whether what is held is still this instance's
    size_t open = 0;       // as Redis said last
    TimePoint claimed_at;
  };

  void on_closed(const std::string& name, size_t closed);
  static std::string group_name(const AgentSubscription& subscription);
  std::string pubsub_name(const std::string& tenant) const;
  void create(const std::string& group, SubscriptionId id, const Done<void>& done);
  void on_created(const std::string& group, SubscriptionId id, const Result<void>& created,
                  const Done<void>& done);
  void read(const std::string& group);
  void read_all();
  void claim(const std::string& group);
  void take(Group& group, const Reply& entries, TimePoint since);
  void hand_out_held(Group& group);
  void begin_anew(const std::string& group, const std::vector<std::string>& ids, Done<size_t> done);
  void keep_what_is_ours(Group& group);
  void on_kept(Group& group, const std::set<std::string>& asked, const Reply& ours, TimePoint since);
  void tidy();

  EventLoop& loop_;
  Client& commands_;
  Subscriptions& subscriptions_;
  const Keys& keys_;
  const std::string channel_;
  const std::string stream_;
  const Duration age_max_;
  const std::string size_max_;
  const Duration ack_wait_;
  const std::string ack_wait_ms_;
  std::function<bool()> may_deliver_;
  std::map<std::string, Group> groups_;  // with members here
  uint64_t dead_letters_ = 0;
  TimePoint read_at_;
  TimePoint tidied_at_;
  std::string swept_ = "0-0";  // how far tidying has looked for what stands behind something that waits
};

}  // namespace gw::redis
