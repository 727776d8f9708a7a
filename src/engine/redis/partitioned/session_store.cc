#include "engine/redis/partitioned/session_store.h"

#include "base/hex.h"
#include "core/list.h"
#include "engine/redis/partitioned/merged_pages.h"

namespace gw::redis::partitioned {

size_t SessionStore::place_of(const SessionKey& key) const { return partitions_.index_of(to_hex(key)); }

void SessionStore::insert(Session session, Done<SessionPtr> done) {
  redis::SessionStore& store = partitions_[place_of(session.key)].sessions();
  store.insert(std::move(session), questions_.begin(std::move(done)));
}

void SessionStore::find(const SessionKey& key, Done<SessionPtr> done) {
  partitions_[place_of(key)].sessions().find(key, questions_.begin(std::move(done)));
}

void SessionStore::update(const SessionKey& key, Edit edit, Done<SessionPtr> done) {
  partitions_[place_of(key)].sessions().update(key, std::move(edit), questions_.begin(std::move(done)));
}

void SessionStore::find_key(std::string_view ref, Done<SessionKey> done) {
  const auto ask = [&](Partition& partition, Done<SessionKey> answer) {
    partition.sessions().find_key(ref, std::move(answer));
  };
  ask_all<SessionKey>(partitions_, ask,
                      [done = std::move(done)](const std::vector<Result<SessionKey>>& answers) {
                        const Result<SessionKey>* best = &answers.front();
                        for (const Result<SessionKey>& answer : answers) {
                          if (answer) return done(answer);
                          if (answer.error().code != Errc::not_found) best = &answer;
                        }
                        done(*best);
                      });
}

void SessionStore::list(const SessionFilter& filter, Done<SessionPage> done) {
  const auto after = SessionPlace::parse(filter.after);
  if (!filter.after.empty() && !after) return done(Error{Errc::invalid_argument, kUnknownPlace});
  const auto ask = [&](Partition& partition, Done<PlacedSessions> answer) {
    SessionFilter own = filter;
    if (after) own.after = after->after_in(partition.index());
    partition.sessions().list_placed(own, std::move(answer));
  };
  ask_all<PlacedSessions>(partitions_, ask,
                          [limit = filter.limit, done = std::move(done)](
                              std::vector<Result<PlacedSessions>>& pages) { done(merged(pages, limit)); });
}

void SessionStore::on_change(OnChange callback) {
  for (const auto& partition : partitions_) partition->sessions().on_change(callback);
}

}  // namespace gw::redis::partitioned
