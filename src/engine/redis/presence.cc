#include "engine/redis/presence.h"

#include <charconv>

#include "base/log.h"
#include "base/user_id.h"
#include "engine/redis/words.h"
#include "json/json.h"

namespace gw::redis {
namespace {

// Who comes back within this has not left.
constexpr Duration kChangesEvery = 200ms;
constexpr size_t kBatch = 64;

std::optional<uint64_t> parse_revision(std::string_view text) {
  uint64_t revision = 0;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), revision);
  return error == std::errc() && stopped == text.data() + text.size() ? std::optional(revision)
                                                                      : std::nullopt;
}

std::optional<PresenceChange::Kind> parse_kind(std::string_view event) {
  using enum PresenceChange::Kind;
  if (event == "join") return join;
  if (event == "leave") return leave;
  if (event == "suspended") return suspended;
  if (event == "refresh") return refresh;
  return {};
}

std::optional<PresenceChange> parse_notice(ChannelIndex channel, std::string_view payload) {
  using enum PresenceChange::Kind;
  const auto object = json::parse_object(payload);
  if (!object) return {};
  const auto text = [&](const char* name) {
    const json::Value* const value = object->find(name);
    return value ? json::as_string(*value).value_or("") : std::string();
  };
  const auto kind = parse_kind(text("event"));
  const auto revision = parse_revision(text("revision"));
  PresenceChange change{kind.value_or(join), channel, text("tenant_id"), text("user_id"),
                        revision.value_or(0)};
  const bool is_of_one = change.kind == join || change.kind == leave;
  if (!kind || !revision || (is_of_one && !is_valid_user_id(change.user_id))) return {};
  return change;
}

// "<channel> <tenant> <user>", as presence_lua.h writes it.
std::optional<PresenceMember> parse_member(std::string_view text, const ChannelTable& channels) {
  const size_t first = text.find(' ');
  const size_t second = first == text.npos ? text.npos : text.find(' ', first + 1);
  if (second == text.npos) return {};
  const auto channel = channels.find(text.substr(0, first));
  if (!channel) return {};
  return PresenceMember{*channel, std::string(text.substr(first + 1, second - first - 1)),
                        std::string(text.substr(second + 1))};
}

}  // namespace

Presence::Presence(const Parts& parts, const PresenceOptions& options)
    : parts_(parts),
      options_(options),
      members_max_(std::to_string(options.members_max)),
      lists_(parts.loop) {
  if (options_.channels == ChannelSet()) return;
  changes_ = parts_.loop.every(kChangesEvery, [this] { flush(); });
}

void Presence::add_channel(ChannelIndex channel) {
  if (!is_kept(channel)) return;
  own_.add(channel);
  parts_.subscriptions.keep(
      parts_.keys.presence_changed(parts_.channels.name(channel)),
      [this, channel](std::string_view payload) {
        on_notice(channel, payload);
        return true;
      },
      [this, channel] {
        on_change_({PresenceChange::Kind::refresh, channel});
      });
}

void Presence::on_notice(ChannelIndex channel, std::string_view payload) {
  if (const auto change = parse_notice(channel, payload)) return on_change_(*change);
  log::warn("redis_message_invalid",
            {{"channel", parts_.keys.presence_changed(parts_.channels.name(channel))},
             {"reason", "expected who has come or gone"}});
}

// --- What is said of this instance's users
// ------------------------------------------------------------------

std::string Presence::text_of(const PresenceMember& member) const {
  return joined(parts_.channels.name(member.channel), " ", member.tenant_id, " ", member.user_id);
}

void Presence::flush() {
  // What stands for a lease that is gone may be taken out by others: rebuild() follows.
  while (parts_.lease.is_fresh() && !parts_.commands.is_full()) {
    std::vector<PresenceCounts::News> news = parts_.counts.take_news(kBatch, own_);
    if (news.empty()) return;
    tell(std::move(news));
  }
}

void Presence::tell(std::vector<PresenceCounts::News> news) {
  Words words;
  for (const PresenceCounts::News& one : news) {
    words.lend(one.is_there ? "1" : "0");
    words.keep(text_of(one.member));
  }
  run_script(parts_.commands, scripts::tell_presence,
             {{"prefix", parts_.keys.prefix()},
              {"pubsub_prefix", parts_.keys.pubsub_prefix()},
              {"me", parts_.keys.instance()},
              {"now_ms", std::to_string(parts_.loop.wall_now().time_since_epoch().count())},
              {"members_max", members_max_}},
             words.all(), [this, news = std::move(news)](const Result<Reply>& reply) {
               if (reply) return;
               for (const PresenceCounts::News& one : news) parts_.counts.mark(one.member);
             });
}

void Presence::rebuild() {
  if (options_.channels == ChannelSet()) return;
  parts_.counts.mark_all(own_);
  const std::string own = parts_.keys.gateway_presence(parts_.keys.instance());
  parts_.commands.command({"SMEMBERS", own}, [this](const Result<Reply>& reply) {
    if (!reply) return;  // the connection is gone, and its return begins again
    for (size_t i = 0; i < reply->size(); ++i) {
      if (const auto member = parse_member((*reply)[i].text(), parts_.channels)) parts_.counts.mark(*member);
    }
    flush();
  });
}

// --- Questions
// ----------------------------------------------------------------------------------------------

void Presence::list(ChannelIndex channel, std::string_view tenant, Done<PresenceList> done) {
  lists_.ask(
      joined(parts_.channels.name(channel), " ", tenant),
      [this, channel, tenant = std::string(tenant)](Done<PresenceList> answer) {
        list_now(channel, tenant, std::move(answer));
      },
      std::move(done));
}

void Presence::list_now(ChannelIndex channel, const std::string& tenant, Done<PresenceList> done) {
  const std::string& name = parts_.channels.name(channel);
  run_script(parts_.commands, scripts::list_presence,
             {{"list", parts_.keys.presence(tenant, name)},
              {"revision", parts_.keys.presence_revision(tenant, name)},
              {"prefix", parts_.keys.prefix()},
              {"members_max", members_max_}},
             [done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               PresenceList list;
               list.revision = parse_revision((*reply)[0].text()).value_or(0);
               list.is_whole = (*reply)[1].integer() == 1;
               for (size_t i = 2; i < reply->size(); ++i) list.users.emplace_back((*reply)[i].text());
               done(std::move(list));
             });
}

}  // namespace gw::redis
