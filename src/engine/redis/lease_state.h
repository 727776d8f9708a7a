// What an instance knows of its lease and of the others': what Redis answered goes in, decisions come out.
// Pure: time is an argument.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace gw::redis {

struct Peer {
  std::chrono::milliseconds remaining{};
  size_t connections = 0;
};
using Peers = std::map<std::string, Peer, std::less<>>;  // by instance

class LeaseState {
 public:
  static constexpr std::chrono::milliseconds kTime{15'000};
  static constexpr std::chrono::milliseconds kSoft{3'000};
  // After Redis was away: by then every instance that lives is back.
  static constexpr Duration kReturn = 3s;

  //                renewed                 on_registered
  //   unclaimed -------------> registering -------------> registered
  //                              ^     |                    |    |
  //                      renewed |     | on_down            |    | renewed, and it had run out
  //                              |     v                    |    +----> registering
  //                              +- invalid <---------------+
  //                                          invalidate
  //
  // Each change to `registering` is a loss: whatever this instance had in Redis may be gone. From each state
  // leave() leads to `left`, the last one.
  enum class Standing : uint8_t {
    unclaimed,    // it has not been ours yet
    registering,  // it is ours; what this instance is known by is on its way to Redis
    registered,   // and is there
    invalid,      // what Redis has of this instance may be old: the next renewal counts as a loss
    left,         // given back
  };

  explicit LeaseState(std::string instance) : instance_(std::move(instance)) {}

  // The connection is (not) there.
  void on_up(TimePoint now);
  void on_down();
  // The server is another one, or began anew.
  void invalidate(TimePoint now);
  void leave();

  // False: not now. Else one of the three that follow it has to come, unless the connection ends.
  bool begin_renewal(TimePoint now);
  enum class Renewed : uint8_t { kept, fresh_again, lost };
  // `ours`: it was there, and this instance's.
  Renewed on_renewed(bool ours, Peers peers, TimePoint now);
  void on_not_renewed() { asked_at_.reset(); }
  // What the lost lease stood for is in Redis again. True: it is fresh from here on.
  bool on_registered(TimePoint now);

  Standing standing() const { return standing_; }
  // Nobody else thinks that this instance is dead, and what it is known by is in Redis.
  bool is_fresh(TimePoint now) const;
  // An instance that is not known yet counts as alive, and so does each while Redis has only just come back.
  bool is_alive(std::string_view instance, TimePoint now) const;
  // The same just after a renewal, when whoever lives is known.
  bool is_gone(std::string_view instance, TimePoint now) const;
  // Redis has been there so long that a lease that is not fresh means what it says.
  bool may_judge(TimePoint now) const { return !returned_at_ || now - *returned_at_ >= kReturn; }
  // What other instances had in Redis may be missing, and on its way back.
  bool may_be_missing(TimePoint now) const { return forgotten_at_ && now - *forgotten_at_ < kReturn; }
  // Whether this is the live instance that does what only one has to do: the first by name.
  bool is_housekeeper() const;

  // A dead instance whose connections have to be removed, until stop_reaping(); empty: none now.
  std::optional<std::string> begin_reaping(TimePoint now);
  void stop_reaping() { reaping_.reset(); }
  // The same, and nothing is left of it.
  void on_reaped();
  size_t connections_of(std::string_view instance) const;

 private:
  bool is_connected() const { return up_since_ != TimePoint::max(); }

  const std::string instance_;
  Standing standing_ = Standing::unclaimed;
  std::optional<TimePoint> asked_at_;   // for a renewal that has not been answered
  std::optional<std::string> reaping_;  // whose connections are being removed
  Peers peers_;
  TimePoint renewed_at_;  // when it was asked: the answer may have taken its time
  TimePoint up_since_ = TimePoint::max();
  std::optional<TimePoint> returned_at_;   // Redis, from an absence
  std::optional<TimePoint> forgotten_at_;  // by a server that began anew
};

}  // namespace gw::redis
