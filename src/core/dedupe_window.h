// Which client message ids were taken lately. An id is remembered for `age` from when it was first taken,
// as a 16-byte hash under a key of its own (core/print_set.h): about 60 bytes each.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/siphash.h"
#include "base/time.h"
#include "core/agent_delivery.h"
#include "core/print_set.h"

namespace gw {

class DedupeWindow {
 public:
  struct Options {
    Duration age = 120s;
    size_t ids_max = size_t{1} << 22;
  };
  enum class Outcome { fresh, duplicate, full };

  explicit DedupeWindow(const Options& options) : options_(options) {}

  // `key` holds scope and id. `full`: the window holds ids_max ids younger than `age`, or `sender` (0:
  // unknown) as many as are left for all others; to forget one early would break the promise, so the caller
  // has to refuse the message.
  Outcome check(std::string_view key, TimePoint now, uint64_t sender = 0);
  // That check() is about to be asked for this key: its cell, which is in no cache, is fetched meanwhile.
  void expect(std::string_view key) const;
  // The same in two steps, for whoever asks again for what it has asked before.
  using Print = SipHash;
  Print print_of(std::string_view key) const;
  Outcome check(const Print& print, TimePoint now, uint64_t sender = 0);
  // Remembers one that was fresh, and has not been remembered since; unless the window has become full.
  void remember(const Print& print, TimePoint now, uint64_t sender, std::string_view message_id);
  // Remembers the key of the last check() that answered fresh. `message_id`: of a message that makes a run,
  // which its duplicates are told; empty: not kept.
  void remember_checked(TimePoint now, std::string_view message_id = {});
  // What was remembered with the key of the last check() that answered duplicate.
  std::string first_id() const;

  // Forgets what is too old. check() does it as well: to be called now and then, so that it has little to do.
  void expire(TimePoint now);

  size_t size() const { return prints_.size(); }

 private:
  bool is_full(uint64_t sender) const;

  const Options options_;
  const SipKey key_ = SipKey::random();
  PrintSet prints_;
  struct Remembered {
    TimePoint since;
    Print print;
    uint64_t sender;
  };
  std::deque<Remembered> by_age_;
  std::unordered_map<uint64_t, size_t> by_sender_;  // how many; without the unknown
  std::map<Print, std::string> message_ids_;        // of those that made runs
  Print checked_{};
  uint64_t checked_sender_ = 0;
};

// What is said at once of a message whose id is known, or can't be remembered. Empty: it goes on, and whoever
// takes it has the window remember it.
std::optional<Result<Submitted>> refuse_repeated(DedupeWindow& window, const AgentMessage& message,
                                                 TimePoint now);
std::optional<Result<Submitted>> refuse_repeated(DedupeWindow& window, const DedupeWindow::Print& print,
                                                 uint64_t sender, TimePoint now);

}  // namespace gw
