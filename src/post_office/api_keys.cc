#include "post_office/api_keys.h"

#include <array>

namespace gw {
namespace {

constexpr std::array<std::string_view, 7> kScopeNames{"publish",  "subscribe", "send",      "sessions",
                                                      "registry", "runs",      "runs:admin"};

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

const ApiKey* ApiKeys::find(std::string_view key) const {
  const Digest digest = sha256(key);
  const ApiKey* found = nullptr;
  for (const ApiKey& candidate : keys_) {
    if (equal_constant_time(candidate.digest, digest)) found = &candidate;
  }
  return found;
}

}  // namespace gw
