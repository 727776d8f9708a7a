// What the tests of registries share: every question as one call.
#pragma once

#include "core/registry.h"
#include "engine/contract_testing.h"

namespace gw {

using Records = std::vector<ConnectionRecord>;

class RegistryContract : public EngineContract {
 protected:
  // added, or the error's name.
  std::string add(const ConnectionRecord& record, const AdmissionLimits& limits = {}) {
    const auto added = ask<void>([&](Done<void> done) { registry().add(record, limits, std::move(done)); });
    return added ? "added" : to_string(added.error().code);
  }
  // identified, or the error's name.
  std::string identify(const ConnectionId& id, const SessionPtr& session, const AdmissionLimits& limits) {
    const auto known =
        ask<void>([&](Done<void> done) { registry().identify(id, session, limits, std::move(done)); });
    return known ? "identified" : to_string(known.error().code);
  }
  std::optional<ConnectionRecord> find(const ConnectionId& id) {
    auto found = ask<std::optional<ConnectionRecord>>(
        [&](Done<std::optional<ConnectionRecord>> done) { registry().find(id, std::move(done)); });
    EXPECT_TRUE(found);
    return found ? *found : std::nullopt;
  }
  // Which connections, in the order of their slots.
  std::vector<uint32_t> select(const Selector& selector) {
    const auto found =
        ask<Records>([&](Done<Records> done) { registry().select(selector, std::move(done)); });
    EXPECT_TRUE(found);
    return found ? slots(*found) : std::vector<uint32_t>{999};
  }
  std::vector<uint32_t> select_local(const Selector& selector) {
    return slots(registry().select_local(selector));
  }
  static std::vector<uint32_t> slots(const Records& records) {
    std::vector<uint32_t> out;
    for (const ConnectionRecord& record : records) out.push_back(record.handle.slot);
    std::sort(out.begin(), out.end());
    return out;
  }
  ConnectionCounts count(const std::string& tenant = "", bool per_user = true) {
    auto counts = ask<ConnectionCounts>(
        [&](Done<ConnectionCounts> done) { registry().count(tenant, per_user, std::move(done)); });
    EXPECT_TRUE(counts);
    return counts ? *counts : ConnectionCounts();
  }
  // Counts come from the engine, where a change may show a little later.
  bool soon(const ConnectionCounts& expected, const std::string& tenant = "") {
    return until([&] {
      const ConnectionCounts counts = count(tenant);
      return counts.global == expected.global && counts.per_user == expected.per_user &&
             counts.by_channel == expected.by_channel && counts.by_gateway == expected.by_gateway;
    });
  }
  bool soon(const std::vector<uint32_t>& expected, const Selector& selector) {
    return until([&] { return select(selector) == expected; });
  }
  static ConnectionRecord tab(const SessionPtr& session, uint32_t slot, const std::string& client_id) {
    ConnectionRecord record = test_connection(session, slot);
    record.client_id = client_id;
    return record;
  }
  // Slot and close code of who gave way, in order.
  using Evicted = std::vector<std::pair<uint32_t, int>>;
  std::shared_ptr<Evicted> watch_evictions(Registry& registry) {
    auto evicted = std::make_shared<Evicted>();
    registry.on_evicted([evicted](const ConnectionHandle& handle, const Disconnect& why) {
      evicted->emplace_back(handle.slot, why.code);
    });
    return evicted;
  }
  void owes_pong(const ConnectionRecord& record, Duration since) {
    ConnectionChange change{record.channel, record.channels, record.last_activity, record.last_heartbeat};
    change.pong_owed_since = wall_now() - std::chrono::duration_cast<std::chrono::milliseconds>(since);
    registry().update(record.id, change);
  }
};

using Slots = std::vector<uint32_t>;

// Where who comes third makes somebody give way.
inline constexpr AdmissionLimits kTwo{.per_user = 2, .total = 100};

}  // namespace gw
