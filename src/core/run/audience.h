// Whose a run is, and who looks at it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/lean_text.h"
#include "core/channel.h"

namespace gw {

// Who may read and cancel it. For everybody else it does not exist.
struct RunAudience {
  enum class Kind : uint8_t { user, session, connection, channel, anonymous };
  Kind kind = Kind::anonymous;  // anonymous: whoever knows its id and has no session
  LeanText who;                 // user id, session ref, connection id; empty: a channel's, anonymous
  LeanText tenant_id;           // of the user, or of the channel's clients; empty: none, all

  // One line for each audience, as Redis keeps it: equal texts are one audience.
  std::string text(std::string_view channel) const;
  // The same for who is looked for as somebody: a session and a connection have one tenant, whoever names it.
  std::string person() const;
  // Whether `thread_id` names a thread there. An anonymous one is a secret, so it has to be long enough.
  bool has_thread(std::string_view thread_id) const;
  friend bool operator==(const RunAudience&, const RunAudience&) = default;
};

// Whose runs have bounds of their own: a user, a session, a connection, for an anonymous one that of the
// client that asked. Empty: nobody's, as of a channel.
std::string account_of(const RunAudience& audience, std::string_view asked_by);

// A client that asks for a run, or is given one.
struct RunViewer {
  std::string_view connection_id = {};
  bool has_session = false;
  std::string_view session_ref = {};
  std::string_view user_id = {};
  std::string_view tenant_id = {};
  ChannelSet granted = {};
};

}  // namespace gw
