// What runs count for: the instance, a user, a realm. Each has its bounds, and of each it is known which of
// its runs are over, oldest first, so that those make room.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>

#include "base/time.h"
#include "core/rate_limit.h"
#include "core/run/run.h"

namespace gw::memory {

struct KeptRun;

struct RunAccount {
  // Of runs that are over, by the order of their ends.
  using ByEnd = std::map<uint64_t, KeptRun*>;

  std::string name;  // empty: of the instance, or of all strangers
  size_t open = 0;
  size_t kept = 0;  // open or over
  size_t bytes = 0;
  ByEnd over;
  ByEnd with_bytes;  // those of `over` whose log is still there
};

// Whom a run counts for beside the instance; null: nobody.
struct RunOwners {
  RunAccount* user = nullptr;
  RunAccount* realm = nullptr;
  bool is_strangers = false;  // an anonymous client's: all of those count together, too
};

// What an account may have; 0: any.
struct RunBound {
  RunAccount* account;
  size_t open = 0;
  size_t kept = 0;
  size_t bytes = 0;
  RunErrc refusal = RunErrc::resource_exhausted;
  const char* whose = "";
};

// Accounts that come with their first run and go with their last.
class RunAccounts {
 public:
  // Null for an empty name: what counts for nobody.
  RunAccount* open(const std::string& name) {
    if (name.empty()) return nullptr;
    RunAccount& account = accounts_[name];
    account.name = name;
    return &account;
  }
  RunAccount* find(const std::string& name) {
    const auto found = accounts_.find(name);
    return found == accounts_.end() ? nullptr : &found->second;
  }
  void close(const RunAccount* account) {
    if (account && account->kept == 0) accounts_.erase(std::string(account->name));
  }

 private:
  std::unordered_map<std::string, RunAccount> accounts_;  // its nodes stay where they are
};

// How fast each user makes runs. Who has made none for a while is forgotten without a search: his bucket is
// full again by then.
class RunRates {
 public:
  explicit RunRates(const RateLimit& limit) : limit_(limit) {}

  // Empty when he may, and has then; else how long he has to wait.
  Duration take(const std::string& name, TimePoint now) {
    if (limit_.per_second <= 0) return {};
    turn(now);
    TokenBucket& bucket = find(name, now);
    if (!bucket.ready(limit_, now)) return bucket.ready_at(limit_) - now;
    bucket.take(limit_, now);
    return {};
  }

 private:
  using Buckets = std::unordered_map<std::string, TokenBucket>;

  void turn(TimePoint now) {
    const auto fills = std::chrono::duration<double>(limit_.burst / limit_.per_second);
    if (now - turned_ < fills) return;
    before_ = now - turned_ < 2 * fills ? std::move(latest_) : Buckets();
    latest_ = Buckets();
    turned_ = now;
  }
  TokenBucket& find(const std::string& name, TimePoint now) {
    const auto before = before_.find(name);
    if (before == before_.end()) return latest_.try_emplace(name, limit_, now).first->second;
    TokenBucket& bucket = latest_.insert_or_assign(name, before->second).first->second;
    before_.erase(before);
    return bucket;
  }

  const RateLimit limit_;
  Buckets latest_;  // used since turned_
  Buckets before_;  // used in as long a time before
  TimePoint turned_;
};

}  // namespace gw::memory
