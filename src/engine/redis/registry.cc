#include "engine/redis/registry.h"

#include <algorithm>

#include "base/log.h"
#include "core/disconnect.h"

namespace gw::redis {
namespace {

constexpr Duration kChangesEvery = 200ms;
// Records live for an hour; each is renewed long before, however quiet its connection is.
constexpr Duration kRenewEvery = 1s;
constexpr size_t kRenewRounds = 1200;
constexpr size_t kBatch = 64;
constexpr uint16_t kAbnormal = 1006;                   // nobody said goodbye
constexpr uint16_t kMoved = 0;                         // no end: it goes on in another partition
constexpr std::string_view kByOperator = " operator";  // after a code: somebody wants it

std::string milliseconds(WallTime time) { return std::to_string(time.time_since_epoch().count()); }

// What the events channel says of an end: the word, and the reason.
std::pair<std::string_view, std::string> ending(uint16_t code) {
  if (code == kMoved) return {};
  const bool evicted = code == disconnect::stale.code;
  return {evicted ? "connection_evicted" : "connection_closed",
          evicted ? std::string(disconnect::stale.reason) : "closed with " + std::to_string(code)};
}

// What stands for `why` in the list of those that have to close.
std::string code_of(const Disconnect& why) { return std::to_string(why.code) + std::string(kByOperator); }

const Disconnect& disconnect_of(std::string_view code) {
  for (const Disconnect& why : disconnect::kByOperator) {
    if (code == code_of(why)) return why;
  }
  return code == std::to_string(disconnect::replaced.code) ? disconnect::replaced : disconnect::stale;
}

}  // namespace

Registry::Registry(EventLoop& loop, Client& commands, Lease& lease, const Keys& keys,
                   const ChannelTable& channels, PresenceCounts& presence)
    : loop_(loop),
      commands_(commands),
      lease_(lease),
      keys_(keys),
      channels_(channels),
      records_(channels, keys.instance()),
      local_(channels, keys.instance(), presence),
      counts_(loop),
      lists_(loop),
      flush_(loop.on_turn_end([this] { flush_removals(); })),
      changes_(loop.every(kChangesEvery, [this] { flush_changes(); })),
      renewal_(loop.every(kRenewEvery, [this] { renew_some(); })) {}

// --- Changes -----------------------------------------------------------------------------------------------

void Registry::add(ConnectionRecord record, const AdmissionLimits& limits, Done<void> done) {
  if (local_.size() + adding_ >= limits.total) {
    return done(Error{Errc::failed_precondition, "the instance is full"});
  }
  add_admitted(std::move(record), limits.per_user, false, std::move(done));
}

void Registry::adopt(ConnectionRecord record, size_t per_user, Done<void> done) {
  add_admitted(std::move(record), per_user, true, std::move(done));
}

void Registry::release(const ConnectionId& id) {
  changed_.erase(id);
  if (local_.find_local(id)) local_.remove(id, kMoved);
  removals_.push_back({id, kMoved});
}

void Registry::add_admitted(ConnectionRecord record, size_t per_user, bool is_open, Done<void> done) {
  ++adding_;
  admit(record, per_user, is_open,
        [this, record, is_open, done = std::move(done)](const Result<void>& admitted) {
          --adding_;
          if (!admitted) {
            // It may be there all the same.
            const uint16_t how = is_open ? kMoved : kAbnormal;
            if (admitted.error().code != Errc::resource_exhausted) removals_.push_back({record.id, how});
            return done(admitted);
          }
          local_.add(record, {.per_user = 0, .total = SIZE_MAX}, [](Result<void>) {});
          done({});
        });
}

void Registry::admit(const ConnectionRecord& record, size_t per_user, bool is_open, Done<void> done) {
  // Whoever left in this turn makes room.
  if (record.session && per_user > 0) flush_removals();
  Words fields;
  records_.append_fields(fields, record);
  const std::string patience = std::to_string(std::chrono::milliseconds(kPongPatience).count());
  run_script(commands_, scripts::add,
             {{"users", keys_.users()},
              {"prefix", keys_.prefix()},
              {"events", keys_.events()},
              {"gateway_channels", keys_.gateway("")},
              {"limit", std::to_string(per_user)},
              {"live_ms", live_ms()},
              {"now_ms", milliseconds(loop_.wall_now())},
              {"patience_ms", patience},
              {"replaced", std::to_string(disconnect::replaced.code)},
              {"replaced_reason", ending(disconnect::replaced.code).second},
              {"stale", std::to_string(disconnect::stale.code)},
              {"stale_reason", disconnect::stale.reason},
              {"is_open", is_open ? "1" : ""}},
             fields.all(), [this, done = std::move(done)](const Result<Reply>& reply) {
               if (!reply) return done(reply.error());
               if ((*reply)[0].integer() == 0) {
                 return done(Error{Errc::resource_exhausted, "too many connections of this user"});
               }
               for (size_t i = 1; i + 1 < reply->size(); i += 2) {
                 if (const auto id = ConnectionId::parse((*reply)[i].text()))
                   evict(*id, (*reply)[i + 1].text());
               }
               done({});
             });
}

void Registry::update(const ConnectionId& id, const ConnectionChange& change) {
  local_.update(id, change);
  if (local_.find_local(id)) changed_.insert(id);
}

void Registry::replace_session(const ConnectionId& id, SessionPtr session) {
  const ConnectionRecord* before = local_.find_local(id);
  if (!before) return;
  const bool moves = !before->session || before->session->ref != session->ref;
  local_.replace_session(id, std::move(session));
  if (!moves) return;
  moved_.insert(id);
  flush_moves();
}

void Registry::identify(const ConnectionId& id, SessionPtr session, const AdmissionLimits& limits,
                        Done<void> done) {
  const ConnectionRecord* const found = local_.find_local(id);
  if (!found) return done(Error{Errc::not_found, "the connection is gone"});
  ConnectionRecord record = *found;
  record.session = session;
  const auto on_admitted = [this, id, session, done = std::move(done)](const Result<void>& admitted) {
    if (!local_.find_local(id)) return done(Error{Errc::not_found, "the connection is gone"});
    if (admitted) {
      local_.replace_session(id, session);
    } else if (admitted.error().code != Errc::resource_exhausted) {
      moved_.insert(id);  // Redis may have it as that user's
    }
    done(admitted);
  };
  admit(record, limits.per_user, false, on_admitted);
}

void Registry::flush_moves() {
  if (moved_.empty() || rebuilding_ || commands_.is_full()) return;
  std::vector<ConnectionRecord> records;
  for (const ConnectionId& id : std::exchange(moved_, {})) {
    if (const ConnectionRecord* record = local_.find_local(id)) records.push_back(*record);
  }
  if (records.empty()) return;
  put(records, [this, records](const Result<Reply>& reply) {
    if (reply) return;
    for (const ConnectionRecord& record : records) moved_.insert(record.id);
  });
}

void Registry::remove(const ConnectionId& id, uint16_t code) {
  if (!local_.find_local(id)) return;
  local_.remove(id, code);
  changed_.erase(id);
  removals_.push_back({id, code});
  on_removed_(id);
}

std::string Registry::live_ms() const {
  return std::to_string((lease_.may_judge() ? Lease::kTime - Lease::kSoft : 0ms).count());
}

void Registry::evict(const ConnectionId& id, std::string_view code) { evict(id, disconnect_of(code)); }

// Who gave way is out of Redis already, unless a change of its session has just written it anew.
void Registry::evict(const ConnectionId& id, const Disconnect& why) {
  const ConnectionRecord* record = local_.find_local(id);
  if (!record) return;
  const ConnectionHandle handle = record->handle;
  remove(id, why.code);
  on_evicted_(handle, why);
}

void Registry::disconnect(const std::vector<ConnectionRecord>& records, const Disconnect& why,
                          Done<size_t> done) {
  struct Tally {
    size_t open = 1;  // this call itself
    size_t told = 0;
    std::optional<Error> error = {};
    Done<size_t> done;
    void answer() {
      if (--open > 0) return;
      if (error && told == 0) return done(*error);
      done(told);
    }
  };
  auto tally = std::make_shared<Tally>();
  tally->done = std::move(done);
  std::vector<std::string> elsewhere;
  for (const ConnectionRecord& record : records) {
    if (!local_.find_local(record.id)) {
      elsewhere.push_back(record.id.text());
      continue;
    }
    evict(record.id, why);
    ++tally->told;
  }
  for (size_t first = 0; first < elsewhere.size(); first += kBatch) {
    const auto begin = elsewhere.begin() + static_cast<ptrdiff_t>(first);
    const auto end = elsewhere.begin() + static_cast<ptrdiff_t>(std::min(first + kBatch, elsewhere.size()));
    const std::vector<std::string_view> ids(begin, end);
    ++tally->open;
    run_script(commands_, scripts::disconnect,
               {{"prefix", keys_.prefix()}, {"gateway_channels", keys_.gateway("")}, {"code", code_of(why)}},
               ids, [tally](const Result<Reply>& reply) {
                 if (reply) tally->told += static_cast<size_t>(reply->integer());
                 if (!reply) tally->error = reply.error();
                 tally->answer();
               });
  }
  tally->answer();
}

// On the connection that adds: what the list names has been answered by then.
void Registry::take_evictions() {
  const std::string list = keys_.evicted(keys_.instance());
  commands_.command({"HGETALL", list}, [this, list](const Result<Reply>& reply) {
    if (!reply || reply->size() == 0) return;
    std::vector<std::string_view> words{"HDEL", list};
    for (size_t i = 0; i + 1 < reply->size(); i += 2) {
      words.push_back((*reply)[i].text());
      if (const auto id = ConnectionId::parse((*reply)[i].text())) evict(*id, (*reply)[i + 1].text());
    }
    commands_.command(words, {});
  });
}

void Registry::flush() {
  take_evictions();
  flush_removals();
  flush_changes();
}

void Registry::flush_removals() {
  if (removals_.empty() || !commands_.is_up()) return;
  const std::string now = iso8601(loop_.wall_now());
  for (size_t first = 0; first < removals_.size(); first += kBatch) {
    const std::vector<Removal> batch(
        removals_.begin() + static_cast<ptrdiff_t>(first),
        removals_.begin() + static_cast<ptrdiff_t>(std::min(first + kBatch, removals_.size())));
    Words ends;
    for (const Removal& removal : batch) {
      auto [event, reason] = ending(removal.code);
      ends.keep(removal.id.text());
      ends.lend(event);
      ends.keep(std::move(reason));
    }
    run_script(commands_, scripts::remove,
               {{"users", keys_.users()},
                {"prefix", keys_.prefix()},
                {"events", keys_.events()},
                {"me", keys_.instance()},
                {"now", now}},
               ends.all(), [this, batch](const Result<Reply>& reply) {
                 // Again when Redis is back: taking out what is not there is no harm.
                 if (!reply) removals_.insert(removals_.end(), batch.begin(), batch.end());
               });
  }
  removals_.clear();
}

void Registry::flush_changes() {
  flush_moves();
  if (rebuilding_ || commands_.is_full()) return;
  while (!changed_.empty() && !commands_.is_full()) {
    std::vector<ConnectionId> batch;
    Words changes;
    for (auto it = changed_.begin(); it != changed_.end() && batch.size() < kBatch; it = changed_.erase(it)) {
      const ConnectionRecord* record = local_.find_local(*it);
      if (!record) continue;
      batch.push_back(*it);
      changes.keep(record->id.text());
      records_.append_changes(changes, *record);
    }
    if (batch.empty()) return;
    run_script(commands_, scripts::update,
               {{"users", keys_.users()}, {"prefix", keys_.prefix()}, {"me", keys_.instance()}},
               changes.all(), [this, batch = std::move(batch)](const Result<Reply>& reply) {
                 if (!reply) changed_.insert(batch.begin(), batch.end());
               });
  }
}

void Registry::renew_some() {
  renewal_position_ = local_.visit(renewal_position_, local_.size() / kRenewRounds + 1,
                                   [this](const ConnectionRecord& record) { changed_.insert(record.id); });
}

void Registry::put(const std::vector<ConnectionRecord>& records, OnReply done) {
  Words fields;
  for (const ConnectionRecord& record : records) records_.append_fields(fields, record);
  run_script(commands_, scripts::put, {{"users", keys_.users()}, {"prefix", keys_.prefix()}}, fields.all(),
             std::move(done));
}

// --- After Redis has forgotten
// -------------------------------------------------------------------------------

void Registry::rebuild(std::function<void()> done) {
  rebuilding_ = true;
  take_evictions();
  const std::string index = keys_.gateway_connections(keys_.instance());
  commands_.command({"SMEMBERS", index}, [this, done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) {
      rebuilding_ = false;
      return;  // the connection is gone; its return begins again
    }
    size_t foreign = 0;
    for (size_t i = 0; i < reply->size(); ++i) {
      const auto id = ConnectionId::parse((*reply)[i].text());
      if (!id || local_.find_local(*id)) continue;
      removals_.push_back({*id, kAbnormal});
      ++foreign;
    }
    flush_removals();
    log::info("registry_rebuild", {{"connections", local_.size()}, {"left_over", foreign}});
    put_next(std::make_shared<size_t>(0), done);
  });
}

// Several batches at a time would only delay who else needs Redis.
void Registry::put_next(std::shared_ptr<size_t> position, std::function<void()> done) {
  std::vector<ConnectionRecord> batch;
  *position =
      local_.visit(*position, kBatch, [&](const ConnectionRecord& record) { batch.push_back(record); });
  const bool last = *position == 0;
  put(batch, [this, position, last, done = std::move(done)](const Result<Reply>& reply) {
    if (!reply || last) rebuilding_ = false;
    if (!reply) return;
    if (last) return done();
    put_next(position, done);
  });
}

void Registry::each_session(const std::function<void(const SessionPtr&)>& visit) const {
  std::unordered_set<std::string_view> seen;
  local_.visit(0, SIZE_MAX, [&](const ConnectionRecord& record) {
    if (record.session && seen.insert(record.session->ref).second) visit(record.session);
  });
}

}  // namespace gw::redis
