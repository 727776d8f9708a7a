#include "gateway/tickets.h"

#include "base/hmac.h"
#include "base/log.h"

namespace gw {
namespace {

// So often it is looked at whether one is missing, and whether the engine, having lost its data, has another.
constexpr Duration kLookEvery = 500ms;
constexpr Duration kRefreshEvery = 30s;

TicketKey derive(uint32_t period, const Digest& secret, const Digest& salt) {
  const auto text = [](const Digest& digest) { return std::string(digest.begin(), digest.end()); };
  return {period, hmac_sha256(text(secret), "ticket " + text(salt))};
}

}  // namespace

void Tickets::start() {
  if (!parts_.engine.traits().is_shared) return;
  timer_ = parts_.loop.every(kLookEvery, [this] { refresh(); });
  refresh();
}

void Tickets::reconfigure(const Digest& salt) { salt_ = salt; }

// The next one, too: clocks differ, and all have it when its hour begins.
void Tickets::refresh() {
  const uint32_t now = TicketKey::period_of(parts_.loop.wall_now());
  const bool is_fresh = secrets_.contains(now) && secrets_.contains(now + 1);
  if (is_fresh && parts_.loop.now() - refreshed_at_ < kRefreshEvery) return;
  refreshed_at_ = parts_.loop.now();
  std::erase_if(secrets_,
                [now](const auto& entry) { return entry.first + 1 < now || entry.first > now + 1; });
  ask(now);
  ask(now + 1);
}

void Tickets::ask(uint32_t period) {
  parts_.engine.shared_secret(period, [this, period](const Result<Digest>& secret) {
    if (secret) secrets_[period] = *secret;
  });
}

command::Successors Tickets::successors(bool any, bool hears) const {
  return {any, any && hears ? key() : nullptr};
}

// Of this hour. Null: nobody could open what is sealed now.
TicketKeyPtr Tickets::key() const {
  const auto it = secrets_.find(TicketKey::period_of(parts_.loop.wall_now()));
  if (it == secrets_.end()) return nullptr;
  return std::make_shared<const TicketKey>(derive(it->first, it->second, salt_));
}

SessionPtr Tickets::open(const event::Admit& request) {
  std::optional<Ticket> ticket;
  const auto it = secrets_.find(period_of_ticket(request.ticket).value_or(0));
  if (it != secrets_.end())
    ticket = open_ticket(derive(it->first, it->second, salt_), parts_.channels, request.ticket);
  if (const std::string_view why = fault(request, ticket); !why.empty()) {
    log::debug("ticket_refused", {{"connection_id", request.id.text()}, {"reason", why}});
    return nullptr;
  }
  return std::make_shared<const Session>(std::move(ticket->session));
}

// Empty: nothing is against it. Whatever changed since it was issued is asked for: by then its issuer may not
// have heard of it.
std::string_view Tickets::fault(const event::Admit& request, const std::optional<Ticket>& ticket) const {
  if (!ticket) return "it was not sealed with a key that is known";
  if (!ticket->is_good_at(parts_.loop.wall_now())) return "its time, or its session's, is over";
  if (ticket->client_id != request.client_id) return "it is another client's";
  if (!parts_.is_of(request.token, ticket->session)) return "the token is not of its session";
  const auto since = ticket->issued_at - kTicketLeeway;
  if (!parts_.engine.sessions().is_unchanged_since(ticket->session.key, since))
    return "its session has changed, or nobody listened";
  return {};
}

}  // namespace gw
