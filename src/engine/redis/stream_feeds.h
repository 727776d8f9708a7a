// Agents that listen through this instance's event streams, without a group, where messages are entries of
// the inbox stream: each has a place in it and gets every entry from there on, in order. New entries come by
// Pub/Sub and cost no command; what a reader has not got that way (it has just come, its buffer was full, the
// connection was lost) it reads from its place. One object a channel. Control loop only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/agent_delivery.h"
#include "engine/redis/keys.h"
#include "engine/redis/scripts.h"
#include "engine/redis/stream_id.h"
#include "engine/redis/subscriptions.h"

namespace gw::redis {

class StreamFeeds {
 public:
  StreamFeeds(std::string_view channel, Client& commands, Subscriptions& subscriptions, const Keys& keys);

  // Asked before anything is delivered.
  void gate(std::function<bool()> may_deliver) { may_deliver_ = std::move(may_deliver); }
  // Nothing is delivered before `done`, and neither is called once it has been removed.
  void add(SubscriptionId id, const AgentSubscription& subscription, std::weak_ptr<AgentSink> sink,
           Done<void> done);
  // Nothing happens for an id that is not here.
  void remove(SubscriptionId id);
  // Takes nothing more; what was had by then is confirmed in Redis when it answers.
  void retire(std::function<void()> done);
  // Something was lost for a while: commands, or what Pub/Sub brings. Everybody reads on from its place.
  void resume();
  // Confirms, and tries again those whose buffer was full; every 100 ms or so.
  void tick(TimePoint now);
  // `tenant`: those bound to it; empty: all.
  size_t size(std::string_view tenant) const;

 private:
  //   asking --place known--> reading --nothing more--> live --loss, or a full buffer--> reading
  enum class State : uint8_t {
    asking,   // where it begins; `done` has not been called
    reading,  // from its place: what Pub/Sub brings is only noted
    live,     // has everything: what Pub/Sub brings is the next
  };
  struct Reader {
    SubscriptionId id;
    std::weak_ptr<AgentSink> sink;
    std::optional<StreamId> after;  // the last that it says it has; only until its place is known
    Done<void> done;                // empty: called
    State state = State::asking;
    bool busy = false;       // a command is on its way for it
    bool ask_again = false;  // something was lost since that left: its answer may be from before
    Duration backoff{};      // since it took no more; zero: it takes
    TimePoint retry_at;
    StreamId place;  // the last that it was given
    StreamId noted;  // the newest that Pub/Sub brought
    StreamId asked;  // `noted` when it last asked for entries
    StreamId told;   // that what it had not had up to here is gone
  };
  struct Feed {
    std::vector<Reader> readers;
    // What this instance answers for: everything behind `start`, up to `end`, was given to a reader.
    std::optional<StreamId> start;
    StreamId end;
    StreamId confirmed;
    bool confirming = false;
    size_t places_left = 0;  // as Redis said last
    std::string foreign;     // the place before `start` that nobody confirms, since when
    TimePoint foreign_since;
  };

  std::string pubsub_name(const std::string& tenant) const;
  Reader* find(const std::string& tenant, SubscriptionId id);
  void ask(const std::string& tenant, SubscriptionId id);
  void on_asked(const std::string& tenant, SubscriptionId id, const Result<Reply>& reply);
  void read(const std::string& tenant, SubscriptionId id);
  void on_read(const std::string& tenant, SubscriptionId id, const Result<Reply>& reply);
  bool on_notice(const std::string& tenant, std::string_view notice);
  // These answer false where it took no more. `removed`: this entry is gone, and those before it.
  bool tell_of_gap(Reader& reader, const StreamId& removed) const;
  // `id`: of `entry`, as text.
  bool give(Feed& feed, Reader& reader, const StreamId& entry, std::string_view id,
            std::string_view envelope);
  void offer_later(Reader& reader) const;
  void confirm(const std::string& tenant, Feed& feed, std::function<void()> done);
  void on_confirmed(const std::string& tenant, const Reply& reply, TimePoint now);

  Client& commands_;
  Subscriptions& subscriptions_;
  const Keys& keys_;
  const std::string channel_;
  const std::string stream_;
  std::function<bool()> may_deliver_;
  std::map<std::string, Feed> feeds_;  // by tenant; empty: all
  TimePoint now_;                      // as of the last tick
  TimePoint confirmed_at_;
};

}  // namespace gw::redis
