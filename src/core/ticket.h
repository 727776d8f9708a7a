// What a connection that is sent away takes along: another instance takes its session from it, instead of
// asking for it. Sealed, so that whoever carries it can neither read nor change it; good for kTicketTime, for
// that client, beside a token of that session. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/channel.h"
#include "core/session.h"

namespace gw {

inline constexpr std::chrono::milliseconds kTicketTime{30'000};
// By which clocks of instances may differ.
inline constexpr std::chrono::milliseconds kTicketLeeway{2'000};

struct Ticket {
  Session session;  // without its context, which no connection needs
  std::string client_id;
  WallTime issued_at;

  // Neither too old nor of another clock, and its session goes on.
  bool is_good_at(WallTime now) const {
    return issued_at <= now + kTicketLeeway && now < issued_at + kTicketTime &&
           session.status_at(now) == SessionStatus::active;
  }
};

// All instances have the same of each period; they change it by themselves.
struct TicketKey {
  static constexpr std::chrono::hours kPeriod{1};
  static uint32_t period_of(WallTime time) {
    return static_cast<uint32_t>(time.time_since_epoch() / std::chrono::milliseconds(kPeriod));
  }

  uint32_t period = 0;
  Digest secret{};
};
using TicketKeyPtr = std::shared_ptr<const TicketKey>;

// In base64url. Empty: it would be longer than kTicketBytesMax.
inline constexpr size_t kTicketBytesMax = 2048;
std::string seal_ticket(const TicketKey& key, const ChannelTable& channels, const Ticket& ticket);
// Of which period its key is, as it says. Empty: it is no ticket.
std::optional<uint32_t> period_of_ticket(std::string_view text);
// Empty: it was not sealed with that key.
std::optional<Ticket> open_ticket(const TicketKey& key, const ChannelTable& channels, std::string_view text);

// What is sealed. Channels stand there by name: those that an instance does not have it passes over.
std::string encode_ticket(const ChannelTable& channels, const Ticket& ticket);
std::optional<Ticket> decode_ticket(const ChannelTable& channels, std::string_view bytes);

}  // namespace gw
