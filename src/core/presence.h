// Interface: which users are on a channel, on whichever instance. Users of one tenant (empty: of none) are
// there for each other alone, and connections without a session for nobody. Control loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/channel.h"
#include "core/done.h"

namespace gw {

struct PresenceOptions {
  ChannelSet channels;        // on which it is kept
  size_t members_max = 1000;  // of one channel and tenant that are listed, and whose changes are told
};

// What becomes of a channel's list, for everybody who may see it.
struct PresenceChange {
  enum class Kind {
    join,       // the first of a user's connections has come
    leave,      // the last of them has gone
    suspended,  // there are more than members_max: nothing more is told
    refresh,    // there are not any more, or some may have been missed: ask again
  };
  Kind kind = Kind::join;
  ChannelIndex channel = 0;
  std::optional<std::string> tenant_id = {};  // absent: of every tenant
  std::string user_id = {};                   // of a join or a leave
  uint64_t revision = 0;                      // of the list that has it; grows with each change
};

struct PresenceList {
  std::vector<std::string> users = {};  // each once, in the order of their bytes
  bool is_whole = true;                 // false: there are more than members_max
  uint64_t revision = 0;                // changes up to this one are in it
};

class Presence {
 public:
  virtual ~Presence() = default;

  // On every instance, for each change anywhere; at most once.
  virtual void on_change(std::function<void(const PresenceChange&)> callback) = 0;
  virtual bool is_kept(ChannelIndex channel) const = 0;
  // Of a channel on which it is kept. A user whose instance died is in it until that one's lease has run out.
  virtual void list(ChannelIndex channel, std::string_view tenant, Done<PresenceList> done) = 0;
};

}  // namespace gw
