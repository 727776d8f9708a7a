// The clients' messages of one channel that wait for an agent, or are on their way to where agents listen. A
// lane for each tenant, each in order of arrival; lanes do not wait for each other. Whoever owns it asks for
// what may be tried now and says what came of it. Pure: time is an argument, nobody is called back.
//
//            push                 next                       on_taken
//   (new) ---------> waiting -------------> on its way -----------------> gone
//     |                 ^  `-- expire --> gone  |  ^
//     |                 `---- on_nobody, -------'  |
//     |                       on_failure           |
//     `------------------- begin ------------------'    (the same, past the queue)
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "core/agent_delivery.h"
#include "core/circuit_breaker.h"

namespace gw {

class ChannelQueue {
 public:
  struct Options {
    // What one sender may leave waiting. A tenant may have twice, a channel four times as much; and whatever
    // one sender has, or one tenant, as much is left for the others: who comes last still finds room.
    size_t messages = 1000;
    size_t bytes = size_t{16} << 20;
    Duration age = 300s;
    Duration retry_every = 250ms;  // a lane whose last message found nobody
    CircuitBreaker::Options breaker;
  };
  struct Amount {
    size_t messages = 0;
    size_t bytes = 0;
  };
  // A message that is on its way, until it is said what came of it: once.
  struct Id {
    uint64_t lane;
    uint64_t number;
  };
  struct Attempt {
    Id id;
    AgentMessagePtr message;
  };
  struct Left {
    AgentMessagePtr message;
    TimePoint expires;
  };
  // What becomes of a message that was not taken. Once `queued` it is promised to be kept until it expires.
  enum class Kept : uint8_t { still_queued, queued, refused };
  // How one that sets out stands to those of its tenant that are promised to be kept. `free`: there are none.
  // `behind`: some message is on its way before it; when that one comes back, this one may not be taken.
  enum class Turn : uint8_t { free, first, behind };

  // Why push() and others refuse, for whoever sent the message.
  static Error full() { return {Errc::resource_exhausted, "the channel's queue is full"}; }

  explicit ChannelQueue(const Options& options) : options_(options), breaker_(options.breaker) {}

  // Whether one of the tenant would have to wait behind others.
  bool has_waiting(std::string_view tenant) const;
  // Puts it on its way at once, promised nothing. Empty: others go first, or the circuit is open; push() it.
  std::optional<Id> begin(AgentMessagePtr message, TimePoint now);
  // False: there is no room for it.
  bool push(AgentMessagePtr message, TimePoint now);

  // The next that may be tried now: the oldest of a lane, the lanes in turn. Empty: none. Costs nothing until
  // one is due.
  std::optional<Attempt> next(TimePoint now);
  // Of the message that begin() or next() has just put on its way.
  Turn turn(Id id) const;
  void on_taken(Id id);
  // The engine works, and nobody listens, or nobody has room.
  Kept on_nobody(Id id, TimePoint now);
  // The same, and whoever was not promised more is refused.
  Kept on_full(Id id, TimePoint now);
  // `of_the_server`: a probe that comes through shows that it is over.
  Kept on_failure(Id id, TimePoint now, bool of_the_server);

  // Drops what is too old; answers how many. Costs nothing until one is due.
  size_t expire(TimePoint now);
  // Somebody may listen now: no lane waits for its time.
  void wake();
  // A probe has shown that the server takes writes.
  void on_engine_works(TimePoint now);

  // Nothing is on its way.
  bool is_quiet() const { return in_flight_ == 0; }
  // Empties it while it is quiet: what waited, each tenant's in order.
  std::vector<Left> take_all();

  // Of a tenant; empty: of all. Without those that were promised nothing.
  Amount amount(std::string_view tenant) const;
  // The queue's part of them.
  void fill(ChannelStats& stats, std::string_view tenant) const;
  // How many lanes expire() and next() have looked at, ever: what time costs.
  uint64_t looks() const { return looks_; }

 private:
  static constexpr TimePoint kReady = TimePoint::min();
  static constexpr TimePoint kNever = TimePoint::max();

  enum class State : uint8_t { waiting, in_flight, done };
  struct Entry {
    AgentMessagePtr message;
    TimePoint since;
    State state;
    bool promised;
  };
  struct Lane {
    std::string tenant;
    std::deque<Entry> entries;
    uint64_t first = 0;          // the number of the front
    uint64_t first_waiting = 0;  // none before it waits
    size_t waiting = 0;
    size_t in_flight = 0;
    Amount amount;
    std::unordered_map<uint64_t, Amount> by_sender;
    // Nobody may be listening: the last one found no receiver, or the engine failed. One at a time then.
    bool alone = false;
    TimePoint retry_at = kReady;  // not before, when alone
    // Where it stands in tries_ and expiries_; kNever: it does not.
    TimePoint try_at = kNever;
    uint64_t turn = 0;
    TimePoint look_at = kNever;
    bool emptied = false;  // stands in emptied_
  };

  Lane* find(std::string_view tenant);
  Lane& find_or_make(const AgentMessage& message, uint64_t& number);
  Lane& lane_of(Id id) { return lanes_.find(id.lane)->second; }
  bool has_room(const Lane* lane, const AgentMessage& message) const;
  void promise(uint64_t number, Lane& lane, Entry& entry);
  Entry& come_back(Lane& lane, Id id);
  Kept keep(Lane& lane, Id id, bool may_wait);
  void finish(Lane& lane, Entry& entry);
  void trim(uint64_t number, Lane& lane);
  void schedule(uint64_t number, Lane& lane);
  void schedule(uint64_t number, Lane& lane, TimePoint at);
  void schedule_look(uint64_t number, Lane& lane, TimePoint when);
  void make_ready(TimePoint now);
  void forget_emptied();

  const Options options_;
  CircuitBreaker breaker_;
  bool server_failed_ = false;  // the last failure was of the whole server
  TimePoint works_since_;       // as probes said after it
  std::unordered_map<uint64_t, Lane> lanes_;
  std::map<std::string, uint64_t, std::less<>> by_tenant_;
  uint64_t next_lane_ = 1;
  // When a lane may be tried (then by turn), and when something in it may be too old: never later than that.
  std::map<std::pair<TimePoint, uint64_t>, uint64_t> tries_;
  std::map<std::pair<TimePoint, uint64_t>, uint64_t> expiries_;
  uint64_t turns_ = 0;
  std::vector<uint64_t> emptied_;  // kept for a while: the next message often comes soon
  Amount amount_;
  size_t in_flight_ = 0;
  uint64_t looks_ = 0;
};

}  // namespace gw
