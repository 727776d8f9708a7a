// Who has begun what in a log of AG-UI's events: the agent, or one of its subagents. It is known until the
// log ends, because what goes on with something must not name another. As digests: there may be many, and
// they are copied.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json/json.h"

namespace gw::protocol {

class AgUiOwners {
 public:
  enum class Bucket : char { message = 'm', call = 'c', reasoning = 'r', activity = 'a', subagent = 's' };
  using Tag = std::optional<std::string>;  // a subagent's run; absent: the agent's own

  // Empty: nobody has begun that.
  std::optional<uint64_t> find(Bucket bucket, std::string_view id) const;
  void set(Bucket bucket, std::string_view id, uint64_t owner);
  // A tag may be left out, but must not name another than who has begun it.
  bool is_foreign(Bucket bucket, std::string_view id, const Tag& tag) const;
  // Whoever reads a snapshot of messages replaces what he has, and who it belongs to.
  void take_messages(const json::Object& snapshot);
  static uint64_t owner_of(const Tag& tag);

  bool operator==(const AgUiOwners&) const = default;

 private:
  struct Owned {
    uint64_t what, owner;
    bool operator==(const Owned&) const = default;
  };
  void take_message(const json::Object& message);

  std::vector<Owned> all_;  // sorted
};

}  // namespace gw::protocol
