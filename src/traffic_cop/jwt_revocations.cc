#include "traffic_cop/jwt_revocations.h"

#include <algorithm>
#include <memory>

#include "core/grant.h"
#include "traffic_cop/jwt_sessions.h"

namespace gw {
namespace {

constexpr size_t kPage = 500;

// Lengths first, so that no two lists of parts are one text.
Digest digest_of(std::string_view what, std::initializer_list<std::string_view> parts) {
  std::string text(what);
  for (const std::string_view part : parts) text.append(" " + std::to_string(part.size()) + " ").append(part);
  return sha256(text);
}

Digest name_of_token(std::string_view tenant, std::string_view issuer, std::string_view token_id) {
  return digest_of("revoked jwt", {tenant, issuer, token_id});
}
Digest name_of_user(std::string_view tenant, std::string_view user) {
  return digest_of("revoked user", {tenant, user});
}

Result<Session> ended(const Session& current, const std::string& tenant) {
  const bool is_ours = current.type == kJwtSessionType && is_visible_to(tenant, current.tenant_id);
  if (!is_ours) return Error{Errc::not_found, "no such session"};
  Session out = current;
  out.status = SessionStatus::inactive;
  return out;
}

}  // namespace

SessionKey key_of_jwt(std::string_view issuer, std::string_view token_id) {
  return sha256("jwt " + std::to_string(issuer.size()) + " " + std::string(issuer) + std::string(token_id));
}

void JwtRevocations::revoke(const JwtRevocation& revocation, WallTime now, Done<Revoked> done) {
  const auto milliseconds = [](Duration time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time);
  };
  const bool is_user = !revocation.user_id.empty();
  Revocation stored;
  stored.name = is_user ? name_of_user(revocation.tenant_id, revocation.user_id)
                        : name_of_token(revocation.tenant_id, revocation.issuer, revocation.token_id);
  stored.tenant_id = revocation.tenant_id;
  stored.issued_until = is_user ? now : WallTime::max();
  // Its clock may be ahead of ours when it is issued, and behind when it ends.
  stored.kept_until = now + milliseconds(options_.life_max) + 2 * milliseconds(options_.leeway);
  store_.put(stored, [this, revocation, kept_until = stored.kept_until,
                      done = std::move(done)](const Result<void>& put) {
    if (!put) return done(put.error());
    auto answer = [kept_until, done](const Result<size_t>& count) {
      if (!count) return done(count.error());
      done(Revoked{*count, kept_until});
    };
    if (revocation.user_id.empty()) return end_one(revocation, std::move(answer));
    end_all({.tenant_id = revocation.tenant_id, .user_id = revocation.user_id, .limit = kPage}, 0,
            std::move(answer));
  });
}

void JwtRevocations::find(const JwtClaims& claims, Done<RevokedUntil> done) {
  std::vector<Digest> names;
  const auto add = [&](std::string_view tenant) {
    names.push_back(name_of_user(tenant, claims.user_id));
    if (!claims.token_id.empty()) names.push_back(name_of_token(tenant, claims.issuer, claims.token_id));
  };
  add("");
  if (!claims.tenant_id.empty()) add(claims.tenant_id);
  store_.find(names, std::move(done));
}

void JwtRevocations::end_one(const JwtRevocation& revocation, Done<size_t> done) {
  auto edit = [tenant = revocation.tenant_id](const Session& current) { return ended(current, tenant); };
  sessions_.update(key_of_jwt(revocation.issuer, revocation.token_id), std::move(edit),
                   [done = std::move(done)](const Result<SessionPtr>& updated) {
                     if (updated) return done(size_t{1});
                     // It was never shown.
                     if (updated.error().code == Errc::not_found) return done(size_t{0});
                     done(updated.error());
                   });
}

void JwtRevocations::end_all(const SessionFilter& filter, size_t before, Done<size_t> done) {
  sessions_.list(filter, [this, filter, before, done = std::move(done)](const Result<SessionPage>& page) {
    if (!page) return done(page.error());
    std::vector<SessionKey> keys;
    for (const SessionPtr& session : page->sessions)
      if (session->type == kJwtSessionType && session->status != SessionStatus::inactive)
        keys.push_back(session->key);
    SessionFilter next = filter;
    next.after = page->after;
    end_page(std::move(keys), filter.tenant_id,
             [this, next = std::move(next), before, done](const Result<size_t>& count) {
               if (!count) return done(count.error());
               if (next.after.empty()) return done(before + *count);
               end_all(next, before + *count, done);
             });
  });
}

void JwtRevocations::end_page(std::vector<SessionKey> keys, const std::string& tenant, Done<size_t> done) {
  if (keys.empty()) return done(size_t{0});
  struct Page {
    size_t open, ended = 0;
    std::optional<Error> fault = {};
    Done<size_t> done;
  };
  const auto page = std::make_shared<Page>(Page{.open = keys.size(), .done = std::move(done)});
  for (const SessionKey& key : keys) {
    sessions_.update(
        key, [tenant](const Session& current) { return ended(current, tenant); },
        [page](const Result<SessionPtr>& updated) {
          if (updated) ++page->ended;
          // One that has gone meanwhile has ended.
          if (!updated && updated.error().code != Errc::not_found) page->fault = updated.error();
          if (--page->open > 0) return;
          if (page->fault) return page->done(*page->fault);
          page->done(page->ended);
        });
  }
}

}  // namespace gw
