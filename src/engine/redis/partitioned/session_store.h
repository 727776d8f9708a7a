// Sessions over several partitions: each is in that of its key's digest. Control loop only.
#pragma once

#include "engine/redis/partitioned/questions.h"
#include "engine/redis/partitions.h"

namespace gw::redis::partitioned {

class SessionStore final : public gw::SessionStore {
 public:
  // They outlive it.
  explicit SessionStore(const Partitions& partitions) : partitions_(partitions) {}

  void insert(Session session, Done<SessionPtr> done) override;
  void find(const SessionKey& key, Done<SessionPtr> done) override;
  void update(const SessionKey& key, Edit edit, Done<SessionPtr> done) override;
  // A reference does not say where its session is: all are asked.
  void find_key(std::string_view ref, Done<SessionKey> done) override;
  void list(const SessionFilter& filter, Done<SessionPage> done) override;
  void on_change(OnChange callback) override;
  std::optional<size_t> size() const override { return std::nullopt; }
  bool is_unchanged_since(const SessionKey& key, WallTime then) const override {
    return partitions_[place_of(key)].sessions().is_unchanged_since(key, then);
  }

  // What was asked of this store and has no answer yet.
  Questions& questions() { return questions_; }
  size_t place_of(const SessionKey& key) const;

 private:
  const Partitions& partitions_;
  Questions questions_;
};

}  // namespace gw::redis::partitioned
