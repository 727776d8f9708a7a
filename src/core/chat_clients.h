// Interface: clients of /ws that speak the frames of AI SDK's chats instead of this gateway's messages. A
// shard holds their connections; what they say is answered here. Control loop only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "core/channel.h"
#include "core/session.h"

namespace gw {

// Whoever has said something, as he is then.
struct ChatClient {
  ConnectionHandle handle;
  std::string connection_id;
  SessionPtr session;                // null: anonymous
  std::string channel;               // that he connected for; empty: he named none
  std::optional<IpAddress> address;  // of one without a session that counts for it
};

class ChatClients {
 public:
  // Brings messages on their way to a client, together and in order. Answers what they are in on_sent().
  using Send = std::function<uint64_t(const ConnectionHandle& to, const std::vector<std::string>& messages)>;

  virtual ~ChatClients() = default;
  // A whole message, whatever it is. `is_limited`: he is over his rate.
  virtual void on_frame(const ChatClient& from, std::string text, bool is_limited) = 0;
  // Of what was sent to him, so many bytes in all have left.
  virtual void on_sent(const ConnectionHandle& to, uint64_t bytes) = 0;
  virtual void on_closed(const ConnectionHandle& handle) = 0;
};

}  // namespace gw
