// Which of a shard's clients read which run, and where in it each of them is (core/hub.h is the same for
// channels). A reader that is slow, or that asks for less often, is a place in the log and not a queue. Pure:
// time is an argument. Shard thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/assert.h"
#include "base/time.h"
#include "core/run/run.h"

namespace gw {

// Of a run what never changes and a shard has to know.
struct RunScope {
  std::string run_id;
  ChannelIndex channel = 0;
  RunAudience audience;
  bool is_pushed = false;
  WallTime made_at = {};  // tells it from a later one of that name
};
using RunScopePtr = std::shared_ptr<const RunScope>;

// What has happened to a run, for those that read it.
struct RunStep {
  enum class Kind : uint8_t {
    delta,  // from `from` in `after.epoch`
    reset,  // `after.epoch` has begun
    top,    // nothing; where it is
    end,    // the last that there is to say
    gone,   // the same, whether or not a reader has all of it
    moved,  // it can't be told in one message: readers ask where they are
  };
  Kind kind = Kind::top;
  uint64_t from = 0;
  RunCursor after = {};
};

class RunHub {
 public:
  static constexpr size_t kRunsMax = 64;        // of a client
  static constexpr size_t kCatchUpsAtOnce = 4;  // of a client

  //                      +--------- coalesce_ms over ---------+
  //                      v                                    |
  //   following --> lagging --> asked --> following     following --> waiting
  //    its outbox is full    ^    |   all of it told      a delta comes, and it has coalesce_ms
  //                          +----+ some of it
  enum class State : uint8_t { following, waiting, lagging, asked };

  // Reads `run` from now on, from `place`; else only its place is new: the answer is true.
  bool attach(uint32_t slot, const RunScopePtr& run, const RunCursor& place, State state,
              uint16_t coalesce_ms = 0, bool is_slow = false);
  // Null: it does not read it.
  RunScopePtr detach(uint32_t slot, std::string_view run_id);
  // A client goes. The runs that it read.
  std::vector<RunScopePtr> detach_all(uint32_t slot);

  bool reads(uint32_t slot, std::string_view run_id) const;
  std::vector<RunScopePtr> runs_of(uint32_t slot) const;
  size_t count(uint32_t slot) const;

  // For each reader of the run that hears of the step now. `send(slot)`: false when its outbox takes nothing;
  // then it lags. `end(slot)`: it has heard the end, and reads it no more. `look(slot)`: it lags, and its
  // outbox may be empty. None of them may change the hub.
  template <class Send, class End, class Look>
  void advance(const std::string& run_id, const RunStep& step, TimePoint now, Send&& send, End&& end,
               Look&& look);

  // Its outbox is empty: ask(run, reader) for what it lags behind, not for too many at once.
  template <class Ask>
  void catch_up(uint32_t slot, Ask&& ask);
  // An answer to that, which began at `from`. Null: nobody waits for it any more.
  struct Reader;
  Reader* find_asked(uint32_t slot, std::string_view run_id, const RunCursor& from);

  // Those whose coalesce_ms are over: wake(slot) when its outbox may be empty.
  template <class Wake>
  void wake_due(TimePoint now, Wake&& wake);
  // When that has to be looked at; max: never.
  TimePoint next_due() const { return due_.empty() ? TimePoint::max() : due_.top().when; }

  // One reader: 24 bytes.
  struct Reader {
    uint64_t pos = 0;
    RunHash hash;
    uint32_t slot = 0;
    uint16_t epoch = 0;
    uint16_t coalesce_ms : 12 = 0;
    uint16_t is_slow : 1 = 0;  // its outbox was full
    uint16_t state_bits : 2 = 0;

    State state() const { return static_cast<State>(state_bits); }
    void state(State next) { state_bits = static_cast<uint16_t>(next) & 3; }
    RunCursor place() const { return {epoch, pos, hash}; }
    void place(const RunCursor& at) {
      pos = at.pos;
      hash = at.hash;
      epoch = static_cast<uint16_t>(at.epoch);
    }
  };
  static_assert(sizeof(Reader) == 24);

 private:
  struct Audience {
    RunScopePtr run;
    std::vector<Reader> readers;
  };
  struct Seat {
    Audience* audience;
    size_t index;  // in readers
  };
  struct Client {
    std::vector<Seat> seats;
    size_t next = 0;  // to be asked for: none waits behind the same others for ever
  };
  struct Due {
    TimePoint when;
    uint32_t slot;
    std::string run_id;
    bool operator<(const Due& other) const { return when > other.when; }
  };

  // When a reader hears of a step: those that do not follow, and those that are elsewhere, when they catch
  // up.
  enum class Heard : uint8_t { now, later, already };
  static Heard heard(const Reader& reader, const RunStep& step);
  Seat* find_seat(uint32_t slot, std::string_view run_id);
  void leave(uint32_t slot, size_t seat);
  void drop_reader(Audience& audience, size_t index);

  std::unordered_map<std::string, Audience> audiences_;  // by run_id
  std::unordered_map<uint32_t, Client> clients_;         // by slot
  std::priority_queue<Due> due_;
};

template <class Send, class End, class Look>
void RunHub::advance(const std::string& run_id, const RunStep& step, TimePoint now, Send&& send, End&& end,
                     Look&& look) {
  using Kind = RunStep::Kind;
  const auto found = audiences_.find(run_id);
  if (found == audiences_.end()) return;
  Audience& audience = found->second;
  std::vector<uint32_t> ended;
  for (Reader& reader : audience.readers) {
    switch (step.kind == Kind::gone ? Heard::now : heard(reader, step)) {
      case Heard::already: continue;
      case Heard::later:
        if (reader.state() == State::following) {
          reader.state(State::lagging);
          look(reader.slot);
        }
        continue;
      case Heard::now: break;
    }
    if (step.kind == Kind::delta && reader.coalesce_ms > 0) {
      reader.state(State::waiting);
      due_.push({now + std::chrono::milliseconds(reader.coalesce_ms), reader.slot, run_id});
    } else if (!send(reader.slot) && step.kind != Kind::gone) {
      if (step.kind == Kind::top) continue;  // there will be another
      reader.is_slow = 1;
      reader.state(State::lagging);
      look(reader.slot);
    } else if (step.kind == Kind::end || step.kind == Kind::gone) {
      ended.push_back(reader.slot);
    } else if (step.kind != Kind::top) {
      reader.place(step.after);
    }
  }
  for (const uint32_t slot : ended) {
    detach(slot, run_id);
    end(slot);
  }
}

template <class Ask>
void RunHub::catch_up(uint32_t slot, Ask&& ask) {
  const auto found = clients_.find(slot);
  if (found == clients_.end()) return;
  Client& client = found->second;
  size_t asked = 0;
  for (const Seat& seat : client.seats)
    asked += seat.audience->readers[seat.index].state() == State::asked ? 1 : 0;
  const size_t count = client.seats.size();
  for (size_t i = 0; i < count && asked < kCatchUpsAtOnce; ++i) {
    const Seat& seat = client.seats[(client.next + i) % count];
    Reader& reader = seat.audience->readers[seat.index];
    if (reader.state() != State::lagging) continue;
    reader.state(State::asked);
    ask(seat.audience->run, reader);
    if (++asked == kCatchUpsAtOnce) client.next = (client.next + i + 1) % count;
  }
}

template <class Wake>
void RunHub::wake_due(TimePoint now, Wake&& wake) {
  while (!due_.empty() && due_.top().when <= now) {
    const Due due = due_.top();
    due_.pop();
    const Seat* const seat = find_seat(due.slot, due.run_id);
    if (!seat) continue;
    Reader& reader = seat->audience->readers[seat->index];
    if (reader.state() != State::waiting) continue;
    reader.state(State::lagging);
    wake(due.slot);
  }
}

}  // namespace gw
