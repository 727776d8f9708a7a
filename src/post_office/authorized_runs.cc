#include "post_office/authorized_runs.h"

#include "base/log.h"
#include "core/grant.h"
#include "post_office/authorized_post_office.h"

namespace gw {
namespace {

RunRefusal needs(Scope scope, const char* what) {
  RunRefusal refusal;
  refusal.code = RunErrc::forbidden;
  refusal.detail = std::string(what) + " needs a key with the scope " + std::string(to_string(scope));
  return refusal;
}

// A claim keeps bytes of the log, all or fewer; above the first epoch it takes the run over.
void log_claimed(const std::string& run_id, const ApiKey& key, const RunClaimed& claimed, bool names_bytes) {
  if (claimed.repeated) return;
  const log::Field run{"run_id", run_id}, realm{"realm", key.realm}, epoch{"epoch", claimed.epoch};
  const log::Field pos{"pos", claimed.pos};
  if (claimed.epoch == 1) return log::debug("run_claimed", {run, realm});
  if (names_bytes) return log::info("run_cut", {run, realm, epoch, pos});
  log::info("run_taken_over", {run, realm, epoch, pos});
}

RunRefusal needs_admin(const char* what) { return needs(Scope::runs_admin, what); }

}  // namespace

Result<ChannelIndex> AuthorizedRuns::channel(const ApiKey& key, std::string_view name) const {
  return granted_channel(key, channels(), name);
}

void AuthorizedRuns::audience(const ApiKey& key, const std::optional<Recipient>& to, std::string_view tenant,
                              Done<RunAudience> done) {
  using Kind = RunAudience::Kind;
  const Result<std::string> granted = key.tenant_for(tenant);
  if (!granted) return done(granted.error());
  if (!to) return done(RunAudience{Kind::channel, "", *granted});
  if (const auto* user = std::get_if<ToUser>(&*to))
    return done(RunAudience{Kind::user, user->user_id, *granted});
  if (const auto* session = std::get_if<ToSessionId>(&*to)) {
    return sessions_.find(sha256(session->session_id),
                          [tenant = *granted, done = std::move(done)](const Result<SessionPtr>& found) {
                            if (!found) return done(found.error());
                            if (!is_visible_to(tenant, (*found)->tenant_id))
                              return done(Error{Errc::not_found, "no such session"});
                            done(RunAudience{Kind::session, (*found)->ref, (*found)->tenant_id});
                          });
  }
  const auto* connection = std::get_if<ToConnection>(&*to);
  const RunAudience named = connection
                                ? RunAudience{Kind::connection, connection->connection_id, *granted}
                                : RunAudience{Kind::session, std::get<ToSessionRef>(*to).ref, *granted};
  if (connection && !ConnectionId::parse(named.who))
    return done(Error{Errc::invalid_argument, "to: connection_id is none of a connection"});
  // Whose it is shows in the registry alone, so for a tenant's key it has to be connected.
  if (granted->empty()) return done(named);
  const auto judge = [named, done = std::move(done)](bool is_there) {
    if (!is_there) return done(Error{Errc::not_found, "no such connection"});
    done(named);
  };
  if (connection) {
    return post_office_.connection(
        named.who, *granted, [judge](const Result<ConnectionRecord>& found) { judge(found.has_value()); });
  }
  post_office_.connections(
      BySession{named.who}, *granted,
      [judge](const Result<std::vector<ConnectionRecord>>& found) { judge(found && !found->empty()); });
}

void AuthorizedRuns::create(const ApiKey& key, NewRun run, RunDone<RunCreated> done) {
  if (run.claim) run.claim->realm = key.realm;
  const std::string run_id = run.run_id;
  runs_.create(std::move(run), [&key, run_id, done = std::move(done)](RunResult<RunCreated> made) {
    if (made && !made->existed) log::debug("run_made", {{"run_id", run_id}, {"realm", key.realm}});
    done(std::move(made));
  });
}

void AuthorizedRuns::claim(const ApiKey& key, const std::string& run_id, RunClaim claim,
                           RunDone<RunClaimed> done) {
  if (claim.force && !key.scopes.contains(Scope::runs_admin)) return done(needs_admin("force"));
  claim.realm = key.realm;
  done = [&key, run_id, names_bytes = claim.keep.has_value(),
          done = std::move(done)](const RunResult<RunClaimed>& claimed) {
    if (claimed) log_claimed(run_id, key, *claimed, names_bytes);
    done(claimed);
  };
  // It keeps a message with its agent, as the scope's own call does.
  if (!claim.group.empty() && !key.scopes.contains(Scope::subscribe))
    return done(needs(Scope::subscribe, "delivery"));
  runs_.claim(run_id, reach_of(key), std::move(claim), std::move(done));
}

void AuthorizedRuns::append(const ApiKey& key, const std::string& run_id, RunAppend append,
                            RunDone<RunAppended> done) {
  if (append.any_producer && !key.scopes.contains(Scope::runs_admin)) return done(needs_admin("force"));
  runs_.append(run_id, reach_of(key), std::move(append), std::move(done));
}

void AuthorizedRuns::heartbeat(const ApiKey& key, const std::string& run_id, RunHeartbeat heartbeat,
                               RunDone<RunBeat> done) {
  runs_.heartbeat(run_id, reach_of(key), std::move(heartbeat), std::move(done));
}

void AuthorizedRuns::cancel(const ApiKey& key, const std::string& run_id, std::string reason,
                            RunDone<RunCancelled> done) {
  runs_.cancel(run_id, reach_of(key), std::move(reason), std::move(done));
}

void AuthorizedRuns::remove(const ApiKey& key, const std::string& run_id, const std::string& producer,
                            RunDone<void> done) {
  if (key.scopes.contains(Scope::runs_admin)) return runs_.remove(run_id, reach_of(key), std::move(done));
  runs_.find_record(run_id, reach_of(key),
                    [this, run_id, reach = reach_of(key), producer,
                     done = std::move(done)](const RunResult<const Run*>& found) mutable {
                      if (!found) return done(found.error());
                      const RunRecord& record = (*found)->record;
                      if (record.status == RunStatus::in_progress && record.producer != producer) {
                        RunRefusal refusal = needs_admin("removing a run that another producer has open");
                        refusal.run = top_of(**found);
                        return done(refusal);
                      }
                      runs_.remove(run_id, reach, std::move(done));
                    });
}

void AuthorizedRuns::find(const ApiKey& key, const std::string& run_id, RunDone<const Run*> done) {
  runs_.find(run_id, reach_of(key), std::move(done));
}

void AuthorizedRuns::find_record(const ApiKey& key, const std::string& run_id, RunDone<RunTail> done) {
  runs_.find_tail(run_id, reach_of(key), std::nullopt, std::move(done));
}

void AuthorizedRuns::list(const ApiKey& key, RunFilter filter, RunDone<RunList> done) {
  filter.reach = reach_of(key);
  runs_.list(filter, std::move(done));
}

}  // namespace gw
