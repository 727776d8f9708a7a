// Who may use the service API. A key belongs to a realm and grants scopes and channels; it may be bound to a
// tenant, and then sees and reaches that tenant alone. Keys are kept as digests.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/error.h"
#include "core/channel.h"

namespace gw {

enum class Scope : uint8_t { publish, subscribe, send, sessions, registry, runs, runs_admin, admin };

std::string_view to_string(Scope scope);
std::optional<Scope> parse_scope(std::string_view text);
// In the order of Scope.
std::span<const std::string_view> scope_names();

class ScopeSet {
 public:
  ScopeSet() = default;
  ScopeSet(std::initializer_list<Scope> scopes) {
    for (const Scope scope : scopes) add(scope);
  }
  static ScopeSet all() {
    return {Scope::publish,  Scope::subscribe, Scope::send,       Scope::sessions,
            Scope::registry, Scope::runs,      Scope::runs_admin, Scope::admin};
  }

  void add(Scope scope) { bits_ = static_cast<uint8_t>(bits_ | bit(scope)); }
  bool contains(Scope scope) const { return (bits_ & bit(scope)) != 0; }
  friend bool operator==(ScopeSet, ScopeSet) = default;

 private:
  static uint8_t bit(Scope scope) { return static_cast<uint8_t>(1u << static_cast<unsigned>(scope)); }
  uint8_t bits_ = 0;
};

struct ApiKey {
  std::string name;  // for logs; may be empty
  Digest digest{};
  std::string realm;  // empty: any
  ScopeSet scopes;
  ChannelSet channels = ChannelSet::all();
  std::string tenant_id;  // empty: not bound to one

  // permission_denied, and what the key lacks.
  Result<void> check_scope(Scope needed) const;
  Result<void> check_realm(std::string_view wanted) const;
  Result<void> check_channel(ChannelIndex channel) const;
  // The tenant to act for: the key's own, or what was asked for where the key is bound to none.
  Result<std::string> tenant_for(std::string_view wanted) const;

  friend bool operator==(const ApiKey&, const ApiKey&) = default;
};

// Control loop only.
class ApiKeys {
 public:
  explicit ApiKeys(std::vector<ApiKey> keys) { replace(std::move(keys)); }

  // These from now on, one that is the same as before under its old address. Those that went: nobody is found
  // by them any more, but calls under way may still refer to them, so they are kept.
  std::vector<const ApiKey*> replace(std::vector<ApiKey> keys);

  // Null when there is none. Looks at every key whatever the answer, each in constant time.
  const ApiKey* find(std::string_view key) const;

 private:
  std::vector<std::unique_ptr<const ApiKey>> keys_;
  std::vector<std::unique_ptr<const ApiKey>> former_;
};

}  // namespace gw
