// A Traffic Cop record. Immutable: a change makes a new one, so that shards read it without a lock.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/lean_text.h"
#include "base/time.h"
#include "core/channel.h"

namespace gw {

enum class SessionStatus : uint8_t { active, inactive, expired, suspended };

std::string_view to_string(SessionStatus status);
std::optional<SessionStatus> parse_session_status(std::string_view text);

// The SHA-256 of a session's id. The id itself is the session token and is kept nowhere.
using SessionKey = Digest;

struct Session {
  SessionKey key{};
  LeanText ref;  // 128 random bits in hex: the public name, in envelopes, registry and logs
  LeanText user_id;
  std::string type;
  LeanText tenant_id;                       // context.tenant_id; empty: none
  std::string context_json;                 // an object, as it was given
  ChannelSet channels = ChannelSet::all();  // context.channels, where given, narrows it
  SessionStatus status = SessionStatus::active;
  WallTime created_at;
  WallTime expires_at;

  // What the status is now: an active or suspended session past its time is expired.
  SessionStatus status_at(WallTime now) const {
    return status != SessionStatus::inactive && now >= expires_at ? SessionStatus::expired : status;
  }
};

using SessionPtr = std::shared_ptr<const Session>;

}  // namespace gw
