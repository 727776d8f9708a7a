#include "config/jwt_settings.h"

#include <algorithm>
#include <iterator>

#include "config/kinds.h"
#include "config/values.h"

namespace gw {
namespace {

SettingValue texts(kinds::Place<std::vector<std::string>> place, std::string placeholder,
                   std::string expected) {
  auto value = kinds::list(
      place, {.max = 64},
      [](const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); },
      [](const std::string& text) { return text; }, std::equal_to<>());
  value.placeholder = std::move(placeholder);
  value.expected = std::move(expected);
  return value;
}

SettingValue claim(std::string JwtOptions::*member) {
  return kinds::text({&Config::jwt, member}, "NAME", "the name of a claim", [](std::string_view text) {
    return text.empty() || text.size() > 256 ? std::nullopt : std::optional<std::string>(text);
  });
}

bool is_loopback_url(std::string_view text) {
  const std::string host = Url::parse(text)->host;
  const bool bracketed = host.starts_with('[');
  const auto ip = IpAddress::parse(bracketed ? std::string_view(host).substr(1, host.size() - 2) : host);
  return host == "localhost" || (ip && ip->is_loopback());
}

}  // namespace

void add_jwt_settings(std::vector<Setting>& out) {
  const SettingGroup group = SettingGroup::sessions;
  out.push_back({"jwt-key", group, "Take JWTs as session tokens that one of these keys has signed", "none",
                 texts(&Config::jwt_key_files, "FILE,...",
                       "files of public keys or certificates (PEM), or with a JWK Set")});
  out.push_back({"jwt-secret-file", group,
                 "The same by a secret that is shared with the issuer (HS256 and so on)", "none",
                 texts(&Config::jwt_secret_files, "FILE,...", "files with a secret of 32 bytes or more")});
  out.push_back(
      {"jwt-jwks-url", group,
       "Take JWTs that a key has signed which the issuer publishes there, and fetch them as they change",
       "none",
       kinds::text(&Config::jwt_jwks_url, "URL", "https://host[:port]/path of a JWK Set", &parse_jwks_url)});
  out.push_back({"jwt-jwks-ca-file", group, "Authorities to believe for jwt-jwks-url",
                 "the system's certificates", kinds::file(&Config::jwt_jwks_ca_file)});
  out.push_back({"jwt-jwks-every", group, "How often the issuer's keys are fetched, at least", "",
                 kinds::duration(&Config::jwt_jwks_every, 1s, 24h)});
  out.push_back({"jwt-issuer", group, "Who may have made a JWT: its iss is one of these", "any",
                 texts({&Config::jwt, &JwtOptions::issuers}, "ISS,...", "texts without a comma")});
  out.push_back({"jwt-audience", group, "Whom a JWT has to be for: its aud has one of these", "any",
                 texts({&Config::jwt, &JwtOptions::audiences}, "AUD,...", "texts without a comma")});
  out.push_back({"jwt-leeway", group, "By how much the clocks of issuer and gateway may differ", "",
                 kinds::duration({&Config::jwt, &JwtOptions::leeway}, 0s, 10min)});
  out.push_back(
      {"jwt-life-max", group,
       "How long a JWT may live, from iat (or now, without one) to exp; as long one that is revoked is "
       "remembered",
       "", kinds::duration({&Config::jwt, &JwtOptions::life_max}, 1min, 366 * 24h)});
  out.push_back({"max-revocations", group, "Revocations of JWTs kept, of all instances together", "",
                 kinds::count({&Config::revocations, &RevocationStoreOptions::revocations_max}, size_t{1},
                              size_t{100'000'000})});
  out.push_back({"jwt-user-claim", group, "The claim of a JWT that names the user", "",
                 claim(&JwtOptions::user_claim)});
  out.push_back({"jwt-tenant-claim", group, "The claim that names the tenant; without it there is none", "",
                 claim(&JwtOptions::tenant_claim)});
  out.push_back({"jwt-channels-claim", group, "The claim with the channels; without it, all of them", "",
                 claim(&JwtOptions::channels_claim)});
}

void read_jwt_keys(Config& config, const ReadFile& read_file, const Provenance& where,
                   std::vector<std::string>& problems) {
  const auto read = [&](std::string_view setting, const std::string& path, auto parse) {
    const Result<std::string> text = read_file(path);
    Result<JwtKeys> keys = text ? parse(*text) : text.error();
    if (!keys)
      return problems.push_back(where(setting) + ": " + plain_or_quoted(path) + ": " + keys.error().detail);
    std::move(keys->begin(), keys->end(), std::back_inserter(config.jwt_keys));
  };
  for (const std::string& path : config.jwt_key_files) read("jwt-key", path, &parse_jwt_keys);
  for (const std::string& path : config.jwt_secret_files) read("jwt-secret-file", path, &parse_jwt_secret);
}

void check_jwt(Config& config, const Provenance& where, std::vector<std::string>& problems) {
  const JwtOptions& jwt = config.jwt;
  if (config.takes_jwts()) {
    if (config.jwt_jwks_url.starts_with("http:") && !is_loopback_url(config.jwt_jwks_url))
      config.warnings.push_back(where("jwt-jwks-url") +
                                ": without TLS; whoever is on the way can put a key of his own there");
    if (config.jwt_keys.size() > kJwtKeysMax)
      problems.push_back(where("jwt-key") + ": more than 64 keys in all");
    if (jwt.issuers.size() > 1)
      config.warnings.push_back(where("jwt-issuer") + ": several; each key may sign for each of them");
    if (jwt.audiences.empty())
      config.warnings.push_back(where("jwt-audience") +
                                ": none; a token that the issuer made for another service is taken");
    return;
  }
  for (const auto& [name, is_set] :
       {std::pair{"jwt-issuer", !jwt.issuers.empty()}, {"jwt-audience", !jwt.audiences.empty()}})
    if (is_set)
      config.warnings.push_back(where(name) +
                                ": has no effect without jwt-key, jwt-secret-file or jwt-jwks-url");
}

}  // namespace gw
