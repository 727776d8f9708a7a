#include "gateway/presence_answers.h"

#include "protocol/server_message.h"

namespace gw {
namespace {

std::string_view to_string(PresenceChange::Kind kind) {
  using enum PresenceChange::Kind;
  switch (kind) {
    case join: return "join";
    case leave: return "leave";
    case suspended: return "suspended";
    case refresh: return "refresh";
  }
  return "";
}

}  // namespace

PresenceAnswers::PresenceAnswers(Parts parts) : parts_(std::move(parts)) {
  parts_.presence.on_change([this](const PresenceChange& change) { on_change(change); });
}

void PresenceAnswers::answer(const event::PresenceAsked& event) {
  parts_.presence.list(event.channel, event.tenant_id, [this, event](const Result<PresenceList>& list) {
    const WallTime now = parts_.loop.wall_now();
    std::string text;
    if (list) {
      protocol::append_presence(text,
                                {parts_.channels.name(event.channel), list->users, list->is_whole,
                                 list->revision, event.is_watched},
                                event.id, now);
    } else {
      protocol::append_error(text, protocol::ErrorCode::internal, protocol::kInternalMessage, event.id, now);
    }
    parts_.reply(event.handle, std::move(text), !list);
  });
}

void PresenceAnswers::on_change(const PresenceChange& change) {
  std::string text;
  protocol::append_presence_event(text, parts_.channels.name(change.channel), to_string(change.kind),
                                  change.user_id, change.revision, parts_.loop.wall_now());
  parts_.post_to_all(command::Deliver{change.channel, change.tenant_id, make_text_frame(text), true});
}

}  // namespace gw
