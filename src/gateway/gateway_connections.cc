// Who may connect, and what becomes of connections whose session changes.
#include "base/assert.h"
#include "base/log.h"
#include "core/grant.h"
#include "gateway/gateway.h"
#include "protocol/server_message.h"
#include "ws/close_code.h"

namespace gw {
namespace {

std::string refusal_of(const event::Authenticate& event, const Result<SessionPtr>& fresh, WallTime now) {
  std::string_view why = "session_token: not an active session of the same user and tenant";
  if (!event.current) why = "session_token: not an active session, or not once and within 5 s";
  const bool is_unknown = !fresh && fresh.error().code != Errc::unauthenticated;
  std::string text;
  protocol::append_error(text, is_unknown ? protocol::ErrorCode::internal : protocol::ErrorCode::forbidden,
                         is_unknown ? protocol::kInternalMessage : why, event.message_id, now);
  return text;
}

}  // namespace

void Gateway::on_event(event::Admit& event) {
  admitting_.emplace(event.id, Admission());
  if (!event.ticket.empty()) {
    const SessionPtr brought = tickets_.open(event);
    ++(brought ? stats_.tickets_accepted_total : stats_.tickets_refused_total);
    if (brought) return enter(event, brought, SecondTries::kTries);
  }
  auto admitted = [this, event](Result<SessionPtr> session) {
    if (admitting_.at(event.id).left) {
      admitting_.erase(event.id);
      return;
    }
    if (session) return enter(event, std::move(*session));
    // A session that can't be looked up is not an invalid one: the client may try again.
    const bool refused = session.error().code == Errc::unauthenticated;
    if (refused && options_.shard.handshake.upgrade.anonymous) return enter(event, nullptr);
    admitting_.erase(event.id);
    if (refused) log_refused_session(event, session.error().detail);
    close(event.handle, refused ? disconnect::invalid_session : disconnect::internal);
  };
  if (event.token.empty()) return admitted(Error{Errc::unauthenticated, "no session token"});
  parts_.validate(event.token, std::move(admitted));
}

void Gateway::on_event(event::OriginRefused& event) {
  if (!refusals_.is_new("origin", event.origin)) return;
  log::info("origin_refused", {{"origin", std::string_view(event.origin).substr(0, News::kKeptMax)},
                               {"hint", "if its pages are yours, add it with --allowed-origin"}});
}

void Gateway::log_refused_session(const event::Admit& event, std::string_view reason) {
  if (!refusals_.is_new(reason, event.origin)) return;
  log::info("session_refused",
            {{"reason", reason},
             {"origin", std::string_view(event.origin).substr(0, News::kKeptMax)},
             {"hint", "make a session with POST /api/traffic-cop/sessions and connect with its id"}});
}

void Gateway::enter(const event::Admit& event, SessionPtr session, int tries_left) {
  const bool left = admitting_.at(event.id).left;
  const bool active = !session || session->status_at(parts_.loop.wall_now()) == SessionStatus::active;
  if (left || !active) {
    admitting_.erase(event.id);
    if (!left) close(event.handle, disconnect::session_ended);
    return;
  }
  ConnectionRecord record;
  record.id = event.id;
  record.session = session;
  record.handle = event.handle;
  record.client_id = event.client_id;
  record.is_chat = event.is_chat;
  if (const auto guide = parts_.channels.find("guide")) record.channel = *guide;
  record.channels =
      received_channels(event.wanted, granted_channels(session.get(), options_.shard.anonymous_channels));
  admitting_.at(event.id).session = session;
  record.connected_at = record.last_activity = record.last_heartbeat = parts_.loop.wall_now();
  registry().add(
      std::move(record), options_.admission, [this, event, session, tries_left](Result<void> added) {
        const auto it = admitting_.find(event.id);
        ASSERT(it != admitting_.end());
        const bool is_full = !added && added.error().code == Errc::resource_exhausted;
        if (is_full && second_tries_.put(event, tries_left)) return;
        const Admission admission = std::move(it->second);
        admitting_.erase(it);
        if (!added) {
          const auto scope = log_scope(event.trace);
          log::info("connection_refused",
                    {{"connection_id", event.id.text()}, {"reason", added.error().detail}});
          switch (added.error().code) {
            case Errc::resource_exhausted: return close(event.handle, disconnect::connection_limit);
            case Errc::failed_precondition: return close(event.handle, disconnect::capacity);
            default: return close(event.handle, disconnect::internal);
          }
        }
        if (admission.left) return registry().remove(event.id, ws::close_code::abnormal);
        std::string send_token = event.gets_events ? uplinks_.open(event.id, event.handle) : std::string();
        send_to_shard(event.handle, command::Admitted{event.handle, session, std::move(send_token)});
        // Nobody found it in the registry when that happened.
        if (admission.session != session) on_session_changed(admission.session);
      });
}

void Gateway::on_event(event::Changed& event) { registry().update(event.id, event.change); }

void Gateway::on_event(event::Closed& event) {
  if (chats_) chats_->on_closed(event.handle);
  uplinks_.close(event.id);
  const auto it = admitting_.find(event.id);
  if (it != admitting_.end()) {
    it->second.left = true;
  } else {
    registry().remove(event.id, event.code);
  }
}

void Gateway::on_event(event::Authenticate& event) {
  parts_.validate(event.token, [this, event](const Result<SessionPtr>& fresh) {
    const Session* current = event.current.get();
    const bool is_same = fresh && current && (*fresh)->user_id == current->user_id &&
                         (*fresh)->tenant_id == current->tenant_id;
    if (is_same) return take_session(event, *fresh);
    if (fresh && event.may_identify) return identify(event, *fresh);
    reply(event.handle, refusal_of(event, fresh, parts_.loop.wall_now()), true);
  });
}

// From nobody to a user of the gateway's: within his limit, as one that comes.
void Gateway::identify(const event::Authenticate& event, const SessionPtr& session) {
  admitting_.emplace(event.id, Admission{session});
  registry().identify(
      event.id, session, options_.admission, [this, event, session](const Result<void>& known) {
        const auto it = admitting_.find(event.id);
        ASSERT(it != admitting_.end());
        const Admission admission = std::move(it->second);
        admitting_.erase(it);
        if (admission.left) return registry().remove(event.id, ws::close_code::abnormal);
        if (!known) {
          const bool is_full = known.error().code == Errc::resource_exhausted;
          return close(event.handle, is_full ? disconnect::connection_limit : disconnect::internal);
        }
        take_session(event, session);
        // Nobody found it in the registry when that happened.
        if (admission.session != session) on_session_changed(admission.session);
      });
}

void Gateway::take_session(const event::Authenticate& event, const SessionPtr& session) {
  registry().replace_session(event.id, session);
  send_to_shard(event.handle, command::ReplaceSession{event.handle, session});
  std::string text;
  protocol::append_authenticated(text, session->expires_at, parts_.loop.wall_now());
  reply(event.handle, std::move(text));
}

void Gateway::on_session_changed(const SessionPtr& session) {
  for (auto& [id, admission] : admitting_) {
    if (admission.session && admission.session->ref == session->ref) admission.session = session;
  }
  const bool active = session->status_at(parts_.loop.wall_now()) == SessionStatus::active;
  for (const ConnectionRecord& record : registry().select_local(BySession{session->ref})) {
    if (!active) {
      close(record.handle, disconnect::session_ended);
      continue;
    }
    registry().replace_session(record.id, session);
    send_to_shard(record.handle, command::ReplaceSession{record.handle, session});
  }
}

}  // namespace gw
