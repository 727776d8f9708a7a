#include "engine/redis/session_store.h"

#include <array>
#include <charconv>

#include "base/hex.h"
#include "base/log.h"
#include "base/random.h"
#include "core/channel_names.h"
#include "core/list.h"

namespace gw::redis {
namespace {

constexpr int kUpdateTriesMax = 5;
constexpr std::string_view kAllChannels = "*";
constexpr std::array<std::string_view, 10> kFields{"session_ref", "user_id",  "type",   "tenant_id",
                                                   "context",     "channels", "status", "created_at",
                                                   "expires_at",  "revision"};

// How often what could not be read is tried again, and how much of it at once.
constexpr Duration kReadAgainAfter = 250ms;
constexpr size_t kReadsMax = 1000;
// As many are remembered. Then nothing more is taken from Pub/Sub until Redis answers.
constexpr size_t kUnreadMax = 100'000;

bool is_same(const Session& a, const Session& b) {
  return a.status == b.status && a.expires_at == b.expires_at && a.context_json == b.context_json;
}

std::string milliseconds(WallTime time) { return std::to_string(time.time_since_epoch().count()); }

std::optional<uint64_t> parse_place(std::string_view text) {
  uint64_t place = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), place);
  const bool is_one = error == std::errc() && end == text.data() + text.size();
  return is_one ? std::optional(place) : std::nullopt;
}

std::optional<WallTime> parse_milliseconds(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return WallTime(std::chrono::milliseconds(value));
}

}  // namespace

SessionStore::SessionStore(EventLoop& loop, Client& commands, const Keys& keys, const ChannelTable& channels,
                           const SessionStoreOptions& options)
    : loop_(loop),
      commands_(commands),
      keys_(keys),
      channels_(channels),
      options_(options),
      retention_(std::chrono::duration_cast<std::chrono::milliseconds>(options.retention)) {}

void SessionStore::insert(Session fresh, Done<SessionPtr> done) {
  const auto session = std::make_shared<const Session>(std::move(fresh));
  const WallTime now = loop_.wall_now();
  const std::string key = to_hex(session->key);
  Words fields;
  append_fields(fields, *session);
  run_script(commands_, scripts::insert_session,
             {{"session", keys_.session(key)},
              {"prefix", keys_.prefix()},
              {"digest", key},
              {"kept_until", end_of_life(*session)},
              {"ends_at", milliseconds(session->expires_at)},
              {"made_at", milliseconds(session->created_at)},
              {"tenant", session->tenant_id},
              {"user", session->user_id},
              {"ref", session->ref},
              {"now", milliseconds(now)},
              {"most", std::to_string(options_.sessions_max)},
              {"tenant_most", std::to_string(options_.tenant_sessions_max)},
              {"read_until", milliseconds(now - retention_)}},
             fields.all(), [session, done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               switch (reply->integer()) {
                 case 0: return done(Error{Errc::already_exists, "session_id is taken"});
                 case -1:
                   return done(Error{Errc::resource_exhausted,
                                     "the tenant has all the sessions it may (max-sessions-per-tenant)"});
                 case -2:
                   return done(Error{Errc::resource_exhausted, "the session store is full (max-sessions)"});
                 default: break;
               }
               done(session);
             });
}

void SessionStore::find(const SessionKey& key, Done<SessionPtr> done) {
  read(key, [done = std::move(done)](Result<Stored> stored) {
    if (!stored) return done(stored.error());
    done(stored->session);
  });
}

void SessionStore::find_key(std::string_view ref, Done<SessionKey> done) {
  commands_.command({"GET", keys_.session_of_ref(ref)}, [done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    SessionKey key;
    if (!from_hex(reply->text(), key)) return done(Error{Errc::not_found, "no such session"});
    done(key);
  });
}

void SessionStore::list(const SessionFilter& filter, Done<SessionPage> done) {
  list_placed(filter, [done = std::move(done)](Result<PlacedSessions> placed) {
    if (!placed) return done(placed.error());
    SessionPage page;
    for (auto& [place, session] : placed->sessions) page.sessions.push_back(std::move(session));
    if (placed->after) page.after = std::to_string(*placed->after);
    done(std::move(page));
  });
}

void SessionStore::list_placed(const SessionFilter& filter, Done<PlacedSessions> done) {
  if (!filter.after.empty() && !parse_milliseconds(filter.after))
    return done(Error{Errc::invalid_argument, kUnknownPlace});
  const bool of_all = filter.tenant_id.empty();
  run_script(commands_, scripts::list_sessions,
             {{"made", of_all ? keys_.sessions_made() : keys_.tenant_sessions_made(filter.tenant_id)},
              {"of_user", keys_.user_sessions(filter.user_id)},
              {"prefix", keys_.prefix()},
              {"after", filter.after},
              {"most", std::to_string(filter.limit)},
              {"looks", std::to_string(kListLooks)},
              {"tenant", filter.tenant_id},
              {"user", filter.user_id},
              {"status", filter.status ? to_string(*filter.status) : ""},
              {"now", milliseconds(loop_.wall_now())}},
             kFields, [this, done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               PlacedSessions page{{}, parse_place((*reply)[0].text())};
               for (size_t i = 1; i < reply->size(); ++i) {
                 SessionKey key;
                 const Reply one = (*reply)[i];
                 if (!from_hex(one[0].text(), key)) continue;
                 auto stored = parse(key, one[1]);
                 if (!stored) continue;
                 page.sessions.emplace_back(parse_place(one[2].text()).value_or(0),
                                            std::move(stored->session));
               }
               done(std::move(page));
             });
}

void SessionStore::update(const SessionKey& key, Edit edit, Done<SessionPtr> done) {
  try_update(key, std::move(edit), kUpdateTriesMax, std::move(done));
}

// Reads, edits, and writes only if nobody was faster; else once more.
void SessionStore::try_update(const SessionKey& key, Edit edit, int tries_left, Done<SessionPtr> done) {
  read(key, [this, key, edit = std::move(edit), tries_left, done = std::move(done)](Result<Stored> stored) {
    if (!stored) return done(stored.error());
    Result<Session> edited = edit(*stored->session);
    if (!edited) return done(edited.error());
    auto session = std::make_shared<const Session>(std::move(*edited));
    const std::string digest = to_hex(key);
    Words fields;
    append_fields(fields, *session);
    run_script(commands_, scripts::replace_session,
               {{"session", keys_.session(digest)},
                {"prefix", keys_.prefix()},
                {"digest", digest},
                {"kept_until", end_of_life(*session)},
                {"ends_at", milliseconds(session->expires_at)},
                {"made_at", milliseconds(session->created_at)},
                {"tenant", session->tenant_id},
                {"user", session->user_id},
                {"ref", session->ref},
                {"revision", stored->revision},
                {"announcement", keys_.session_changed()}},
               fields.all(), [this, key, edit, tries_left, done, session](const Result<Reply>& reply) {
                 // What Pub/Sub says of it may come later, and of what was not answered it may be true.
                 heard_.hear(key, loop_.wall_now());
                 if (!reply) return done(reply.error());
                 if (reply->integer() < 0) return done(Error{Errc::not_found, "no such session"});
                 if (reply->integer() > 0) return done(session);
                 if (tries_left <= 1) return done(Error{Errc::unavailable, "the session changes too fast"});
                 try_update(key, edit, tries_left - 1, done);
               });
  });
}

bool SessionStore::on_announced(std::string_view key_hex) {
  SessionKey key;
  if (!from_hex(key_hex, key)) {
    log::warn("redis_message_invalid", {{"channel", keys_.session_changed()}});
    return true;
  }
  heard_.hear(key, loop_.wall_now());
  if (unread_.size() >= kUnreadMax) return false;
  tell_of(key, nullptr);
  return true;
}

void SessionStore::check(const SessionPtr& known) { tell_of(known->key, known); }

void SessionStore::tell_of(const SessionKey& key, const SessionPtr& known) {
  find(key, [this, key, known](Result<SessionPtr> session) {
    if (!session) {
      // One that Redis has forgotten with its data is no reason to send a user away.
      if (session.error().code == Errc::not_found) return;
      const auto [it, is_new] = unread_.try_emplace(key, known);
      if (!known) it->second = nullptr;
      return;
    }
    if (known && is_same(**session, *known)) return;
    for (const OnChange& changed : on_change_) changed(*session);
  });
}

void SessionStore::tick() {
  if (unread_.empty() || loop_.now() < read_again_at_ || commands_.is_full()) return;
  read_again_at_ = loop_.now() + kReadAgainAfter;
  // Those that fail come in again.
  std::vector<std::pair<SessionKey, SessionPtr>> batch;
  while (!unread_.empty() && batch.size() < kReadsMax) {
    batch.emplace_back(*unread_.begin());
    unread_.erase(unread_.begin());
  }
  for (const auto& [key, known] : batch) tell_of(key, known);
}

void SessionStore::read(const SessionKey& key, Done<Stored> done) {
  const std::string name = keys_.session(to_hex(key));
  std::vector<std::string_view> words{"HMGET", name};
  words.insert(words.end(), kFields.begin(), kFields.end());
  commands_.command(words, [this, key, done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    auto stored = parse(key, *reply);
    if (!stored) return done(Error{Errc::not_found, "no such session"});
    done(std::move(*stored));
  });
}

std::optional<SessionStore::Stored> SessionStore::parse(const SessionKey& key, const Reply& fields) const {
  const auto status = parse_session_status(fields[6].text());
  const auto created_at = parse_milliseconds(fields[7].text());
  const auto expires_at = parse_milliseconds(fields[8].text());
  if (fields[0].text().empty() || !status || !created_at || !expires_at) return std::nullopt;
  Session session;
  session.key = key;
  session.ref = fields[0].text();
  session.user_id = fields[1].text();
  session.type = fields[2].text();
  session.tenant_id = fields[3].text();
  session.context_json = fields[4].text();
  session.channels = parse_channel_names(channels_, fields[5].text());
  if (fields[5].text() == kAllChannels) session.channels = ChannelSet::all();
  session.status = *status;
  session.created_at = *created_at;
  session.expires_at = *expires_at;
  return Stored{std::make_shared<const Session>(std::move(session)), std::string(fields[9].text())};
}

void SessionStore::append_fields(Words& words, const Session& session) const {
  const bool all = session.channels == ChannelSet::all();
  std::array<std::string, kFields.size()> values{
      session.ref,
      session.user_id,
      session.type,
      session.tenant_id,
      session.context_json,
      all ? std::string(kAllChannels) : join_channel_names(channels_, session.channels),
      std::string(to_string(session.status)),
      milliseconds(session.created_at),
      milliseconds(session.expires_at),
      secure_random_hex(8)};
  for (size_t i = 0; i < kFields.size(); ++i) {
    words.lend(kFields[i]);
    words.keep(std::move(values[i]));
  }
}

std::string SessionStore::end_of_life(const Session& session) const {
  return milliseconds(session.expires_at + retention_);
}

}  // namespace gw::redis
