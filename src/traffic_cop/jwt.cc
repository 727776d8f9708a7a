#include "traffic_cop/jwt.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/base64.h"
#include "json/json.h"

namespace gw {
namespace {

constexpr size_t kTokenBytesMax = size_t{16} << 10;
constexpr size_t kNamesMax = 64;  // of a list in a claim

Error refused(std::string detail) { return {Errc::unauthenticated, "the JWT " + std::move(detail)}; }

struct Parts {
  std::string_view header, payload, signature;
  std::string_view signed_text;  // header.payload
};

std::optional<Parts> split(std::string_view token) {
  const size_t first = token.find('.');
  const size_t second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) return std::nullopt;
  return Parts{token.substr(0, first), token.substr(first + 1, second - first - 1), token.substr(second + 1),
               token.substr(0, second)};
}

// A name that stands twice may be read as the one or the other: neither is believed.
bool is_ambiguous(const json::Object& object, std::string_view name) {
  return std::count_if(object.begin(), object.end(),
                       [&](const json::Member& member) { return member.key_is(name); }) > 1;
}

// Of a JSON object, by name: what a claim says, where it is of the type that it has to be.
class Fields {
 public:
  explicit Fields(const json::Object& object) : object_(object) {}

  bool has(std::string_view name) const { return find(name) != nullptr; }

  // Empty when it is absent.
  std::string text(const std::string& name) {
    const json::Value* const value = find(name);
    if (!value) return {};
    const auto text = json::as_string(*value);
    if (!text) blame(name, "is no string");
    return text.value_or("");
  }

  // One text or a list of them (RFC 7519 4.1.3).
  std::optional<std::vector<std::string>> texts(const std::string& name) {
    const json::Value* const value = find(name);
    if (!value) return std::nullopt;
    if (const auto one = json::as_string(*value)) return std::vector{*one};
    std::vector<std::string> out;
    if (!value->is_array()) blame(name, "is no string and no list of strings");
    if (!value->is_array()) return out;
    for (const json::Value& item : json::elements(*value)) {
      const auto text = json::as_string(item);
      if (!text || out.size() == kNamesMax) {
        blame(name, "is no list of up to 64 strings");
        break;
      }
      out.push_back(*text);
    }
    return out;
  }

  // Seconds since the epoch, which may have a fraction (RFC 7519 2, NumericDate).
  std::optional<WallTime> date(const std::string& name) {
    const json::Value* const value = find(name);
    if (!value) return std::nullopt;
    constexpr double kSecondsMax = 1e11;  // the year 5138
    const double seconds = value->is_number() ? std::strtod(std::string(value->raw()).c_str(), nullptr) : NAN;
    if (!(std::abs(seconds) <= kSecondsMax)) {
      blame(name, "is no time");
      return std::nullopt;
    }
    return WallTime(std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
  }

  const std::optional<std::string>& fault() const { return fault_; }

 private:
  const json::Value* find(std::string_view name) const {
    const json::Value* const value = object_.find(name);
    return value && !value->is_null() ? value : nullptr;
  }
  void blame(const std::string& name, std::string_view why) {
    if (!fault_) fault_ = name + " " + std::string(why);
  }

  const json::Object& object_;
  std::optional<std::string> fault_;
};

struct Header {
  const JwtAlgorithm* algorithm = nullptr;
  std::string key_id;
};

bool is_known_type(std::string type) {
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  constexpr std::string_view kMedia = "application/";
  if (type.starts_with(kMedia)) type.erase(0, kMedia.size());
  return type.empty() || type == "jwt" || type == "at+jwt";
}

Result<Header> read_header(std::string_view part) {
  const std::string text = base64url_decode(part).value_or("");
  const auto object = json::parse_object(text);
  if (!object) return refused("has no header");
  for (const std::string_view name : {"alg", "kid", "crit", "typ"})
    if (is_ambiguous(*object, name)) return refused("says " + std::string(name) + " twice");
  Fields fields(*object);
  Header header;
  const std::string algorithm = fields.text("alg");
  header.key_id = fields.text("kid");
  const bool is_known = is_known_type(fields.text("typ"));
  if (fields.fault()) return refused("has a header of which " + *fields.fault());
  if (fields.has("crit")) return refused("asks for an extension (crit) that is not known here");
  if (!is_known) return refused("is of another kind (typ)");
  header.algorithm = find_jwt_algorithm(algorithm);
  if (!header.algorithm) return refused("has an algorithm (alg) that is not allowed");
  return header;
}

Result<void> check_signature(const Header& header, const Parts& parts, const JwtKeys& keys) {
  const std::optional<std::string> signature = base64url_decode(parts.signature);
  if (!signature || signature->empty()) return refused("has no signature");
  int tried = 0;
  for (const JwtKey& key : keys) {
    const bool may_be_it = header.key_id.empty() || key.id().empty() || key.id() == header.key_id;
    if (!may_be_it || !key.verifies(*header.algorithm)) continue;
    if (key.verify(*header.algorithm, parts.signed_text, *signature)) return {};
    if (++tried == kJwtKeysTried) break;
  }
  return tried > 0 ? refused("has a signature that does not fit")
                   : refused("is signed by a key (kid, alg) that is not known here");
}

bool has_one_of(const std::vector<std::string>& wanted, const std::vector<std::string>& given) {
  return std::find_first_of(wanted.begin(), wanted.end(), given.begin(), given.end()) != wanted.end();
}

Result<void> check_times(const JwtClaims& claims, std::optional<WallTime> not_before,
                         const JwtOptions& options, WallTime now) {
  const auto slack = std::chrono::duration_cast<std::chrono::milliseconds>(options.leeway);
  const auto life_max = std::chrono::duration_cast<std::chrono::milliseconds>(options.life_max);
  if (now >= claims.expires_at + slack) return refused("has expired (exp)");
  // Longer than that nobody remembers that it was revoked or ended.
  const WallTime born = claims.issued_at == WallTime() ? now : std::min(claims.issued_at, now);
  if (claims.expires_at > born + life_max) return refused("lives longer than jwt-life-max (exp, iat)");
  if (not_before && now + slack < *not_before) return refused("does not count yet (nbf)");
  if (now + slack < claims.issued_at) return refused("comes from the future (iat)");
  return {};
}

Result<JwtClaims> read_claims(std::string_view part, const JwtOptions& options, WallTime now) {
  const std::string text = base64url_decode(part).value_or("");
  const auto object = json::parse_object(text);
  if (!object) return refused("has no claims");
  for (const std::string_view name :
       {std::string_view("exp"), std::string_view("nbf"), std::string_view("iat"), std::string_view("iss"),
        std::string_view("aud"), std::string_view("sub"), std::string_view("jti"),
        std::string_view(options.user_claim), std::string_view(options.tenant_claim),
        std::string_view(options.channels_claim)})
    if (is_ambiguous(*object, name)) return refused("says " + std::string(name) + " twice");
  Fields fields(*object);
  JwtClaims claims;
  claims.issuer = fields.text("iss");
  claims.subject = fields.text("sub");
  claims.token_id = fields.text("jti");
  claims.user_id = fields.text(options.user_claim);
  claims.tenant_id = fields.text(options.tenant_claim);
  claims.channels = fields.texts(options.channels_claim);
  const std::vector<std::string> audiences = fields.texts("aud").value_or(std::vector<std::string>());
  const std::optional<WallTime> expires_at = fields.date("exp"), not_before = fields.date("nbf");
  claims.issued_at = fields.date("iat").value_or(WallTime());
  if (fields.fault()) return refused("has claims of which " + *fields.fault());
  if (!expires_at) return refused("has no end (exp)");
  claims.expires_at = *expires_at;
  if (const Result<void> in_time = check_times(claims, not_before, options, now); !in_time)
    return in_time.error();
  if (!options.issuers.empty() && !has_one_of(options.issuers, {claims.issuer}))
    return refused("is of another issuer (iss)");
  if (!options.audiences.empty() && !has_one_of(options.audiences, audiences))
    return refused("is meant for others (aud)");
  if (claims.user_id.empty()) return refused("names no user (" + options.user_claim + ")");
  return claims;
}

}  // namespace

bool is_jwt(std::string_view token) {
  const std::optional<Parts> parts = split(token);
  const auto header =
      parts && token.size() <= kTokenBytesMax ? base64url_decode(parts->header) : std::nullopt;
  return header && json::parse_object(*header).has_value();
}

std::string_view jwt_text(std::string_view token) { return token.substr(0, token.rfind('.')); }

boost::system::result<JwtClaims, JwtRefusal> verify_jwt(std::string_view token, const JwtKeys& keys,
                                                        const JwtOptions& options, WallTime now) {
  if (token.size() > kTokenBytesMax) return JwtRefusal{refused("is longer than 16 KiB")};
  const std::optional<Parts> parts = split(token);
  if (!parts) return JwtRefusal{refused("has not three parts")};
  const Result<Header> header = read_header(parts->header);
  if (!header) return JwtRefusal{header.error()};
  Result<JwtClaims> claims = read_claims(parts->payload, options, now);
  if (!claims) return JwtRefusal{claims.error()};
  if (const Result<void> vouched = check_signature(*header, *parts, keys); !vouched)
    return JwtRefusal{vouched.error(), true};
  return *std::move(claims);
}

void throw_exception_from_error(const JwtRefusal& refusal, const boost::source_location& where) {
  throw_exception_from_error(refusal.error, where);
}

}  // namespace gw
