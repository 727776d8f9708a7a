#include "post_office/api_keys.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gw {
namespace {

constexpr std::array<std::string_view, 8> kScopeNames{"publish",  "subscribe", "send",       "sessions",
                                                      "registry", "runs",      "runs:admin", "admin"};

Error denied(std::string detail) { return {Errc::permission_denied, std::move(detail)}; }

}  // namespace

std::span<const std::string_view> scope_names() { return kScopeNames; }

std::string_view to_string(Scope scope) { return kScopeNames[static_cast<size_t>(scope)]; }

std::optional<Scope> parse_scope(std::string_view text) {
  for (size_t i = 0; i < kScopeNames.size(); ++i) {
    if (kScopeNames[i] == text) return static_cast<Scope>(i);
  }
  return std::nullopt;
}

Result<void> ApiKey::check_scope(Scope needed) const {
  if (scopes.contains(needed)) return {};
  return denied("this key lacks the scope " + std::string(to_string(needed)));
}

Result<void> ApiKey::check_realm(std::string_view wanted) const {
  if (realm.empty() || realm == wanted) return {};
  return denied("this key belongs to another realm");
}

Result<void> ApiKey::check_channel(ChannelIndex channel) const {
  if (channels.contains(channel)) return {};
  return denied("this key does not grant the channel");
}

Result<std::string> ApiKey::tenant_for(std::string_view wanted) const {
  if (tenant_id.empty()) return std::string(wanted);
  if (wanted.empty() || wanted == tenant_id) return tenant_id;
  return denied("this key is bound to another tenant");
}

std::vector<const ApiKey*> ApiKeys::replace(std::vector<ApiKey> keys) {
  std::vector<std::unique_ptr<const ApiKey>> before = std::exchange(keys_, {});
  for (ApiKey& key : keys) {
    const auto same =
        std::find_if(before.begin(), before.end(), [&](const auto& other) { return other && *other == key; });
    keys_.push_back(same == before.end() ? std::make_unique<const ApiKey>(std::move(key)) : std::move(*same));
  }
  std::vector<const ApiKey*> gone;
  for (std::unique_ptr<const ApiKey>& key : before) {
    if (!key) continue;
    gone.push_back(key.get());
    former_.push_back(std::move(key));
  }
  return gone;
}

const ApiKey* ApiKeys::find(std::string_view key) const {
  const Digest digest = sha256(key);
  const ApiKey* found = nullptr;
  for (const auto& candidate : keys_) {
    if (equal_constant_time(candidate->digest, digest)) found = candidate.get();
  }
  return found;
}

}  // namespace gw
