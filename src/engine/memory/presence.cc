#include "engine/memory/presence.h"

namespace gw::memory {
namespace {

// Who comes back within this has not left.
constexpr Duration kChangesEvery = 200ms;

}  // namespace

Presence::Presence(EventLoop& loop, const PresenceOptions& options)
    : loop_(loop), options_(options), counts_(options.channels) {
  if (options_.channels != ChannelSet()) changes_ = loop_.every(kChangesEvery, [this] { tell_news(); });
}

void Presence::tell_news() {
  for (const PresenceCounts::News& news : counts_.take_news(SIZE_MAX)) tell(news);
}

void Presence::tell(const PresenceCounts::News& news) {
  using Kind = PresenceChange::Kind;
  const PresenceMember& member = news.member;
  const Place place{member.channel, member.tenant_id};
  std::set<std::string>& users = users_[place];
  const size_t before = users.size();
  if (news.is_there) {
    users.insert(member.user_id);
  } else {
    users.erase(member.user_id);
  }
  const size_t after = users.size();
  if (users.empty()) users_.erase(place);

  PresenceChange change{news.is_there ? Kind::join : Kind::leave, member.channel, member.tenant_id};
  const size_t most = options_.members_max;
  if (before > most && after > most) return;
  if (after > most) change.kind = Kind::suspended;
  if (before > most) change.kind = Kind::refresh;
  if (before <= most && after <= most) change.user_id = member.user_id;
  change.revision = ++revision_;
  on_change_(change);
}

void Presence::list(ChannelIndex channel, std::string_view tenant, Done<PresenceList> done) {
  PresenceList list;
  list.revision = revision_;
  if (const auto it = users_.find({channel, std::string(tenant)}); it != users_.end()) {
    for (const std::string& user : it->second) {
      list.is_whole = list.users.size() < options_.members_max;
      if (!list.is_whole) break;
      list.users.push_back(user);
    }
  }
  done(std::move(list));
}

}  // namespace gw::memory
