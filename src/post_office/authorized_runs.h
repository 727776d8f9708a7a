// Runs as the holder of a key reaches them: what the key grants is checked here. A channel, tenant or scope
// that is named in the call and is foreign is permission_denied; a run out of reach is not there. Control
// loop only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/run_store.h"
#include "core/session_store.h"
#include "post_office/api_keys.h"
#include "post_office/post_office.h"

namespace gw {

class AuthorizedRuns {
 public:
  // All outlive it.
  AuthorizedRuns(RunStore& runs, PostOffice& post_office, SessionStore& sessions)
      : runs_(runs), post_office_(post_office), sessions_(sessions) {}

  // To whom a run is: a connection or session of another tenant is not_found for a key that is bound to one.
  // No recipient: all of the channel. `tenant`: of a user, or of the channel's clients; the key's own where
  // that is bound to one.
  void audience(const ApiKey& key, const std::optional<Recipient>& to, std::string_view tenant,
                Done<RunAudience> done);
  // invalid_argument, not_found, permission_denied.
  Result<ChannelIndex> channel(const ApiKey& key, std::string_view name) const;

  // As RunStore has them. forbidden: the key would need the scope runs:admin. A claim for a delivery needs
  // the scope subscribe too.
  void create(const ApiKey& key, NewRun run, RunDone<RunCreated> done);
  void claim(const ApiKey& key, const std::string& run_id, RunClaim claim, RunDone<RunClaimed> done);
  void append(const ApiKey& key, const std::string& run_id, RunAppend append, RunDone<RunAppended> done);
  void heartbeat(const ApiKey& key, const std::string& run_id, RunHeartbeat heartbeat, RunDone<RunBeat> done);
  void cancel(const ApiKey& key, const std::string& run_id, std::string reason, RunDone<RunCancelled> done);
  // `producer`: who asks; empty: nobody in particular.
  void remove(const ApiKey& key, const std::string& run_id, const std::string& producer, RunDone<void> done);
  void find(const ApiKey& key, const std::string& run_id, RunDone<const Run*> done);
  // The same without its log, at the cost of the record alone.
  void find_record(const ApiKey& key, const std::string& run_id, RunDone<RunTail> done);
  // `filter.reach` is the key's.
  void list(const ApiKey& key, RunFilter filter, RunDone<RunList> done);

  static RunReach reach_of(const ApiKey& key) { return {key.channels, key.tenant_id, key.realm}; }

  RunStore& runs() { return runs_; }
  const ChannelTable& channels() const { return post_office_.channels(); }
  WallTime now() const { return runs_.now(); }

 private:
  RunStore& runs_;
  PostOffice& post_office_;
  SessionStore& sessions_;
};

}  // namespace gw
