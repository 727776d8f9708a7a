#include "traffic_cop/jwt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "base/base64.h"

namespace gw {
namespace {

using testing::HasSubstr;

// --- The examples of RFC 7515, appendix A: the same claims, signed three times ----------------------------

constexpr std::string_view kClaims =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

struct Example {
  std::string_view name, header, signature, jwk;
};
constexpr std::array<Example, 3> kExamples{{
    {"A.1", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
     R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})"},
    {"A.2", "eyJhbGciOiJSUzI1NiJ9",
     "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
     "O8W2Fp5jujGbds9uJdb"
     "F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_"
     "eSN9383"
     "LcOLn6_dO--xi12jzDwusC-"
     "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy"
     "wlVmtVrBp0igcN_IoypGlUPQGe77Rw",
     R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})"},
    {"A.3", "eyJhbGciOiJFUzI1NiJ9",
     "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
     R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})"},
}};
constexpr WallTime kExpiresAt{1'300'819'380s};

std::string token_of(const Example& example) {
  return std::string(example.header) + "." + std::string(kClaims) + "." + std::string(example.signature);
}

JwtKeys keys_of(std::string_view jwks) {
  return parse_jwt_keys(R"({"keys":[)" + std::string(jwks) + "]}").value();
}

JwtOptions by_issuer() {
  JwtOptions options;
  options.user_claim = "iss";
  return options;
}

TEST(Jwt, ReadsTheExamplesOfRfc7515) {
  for (const Example& example : kExamples) {
    const auto claims = verify_jwt(token_of(example), keys_of(example.jwk), by_issuer(), kExpiresAt - 1s);
    ASSERT_TRUE(claims) << example.name << claims.error().error.detail;
    EXPECT_EQ(claims->user_id, "joe");
    EXPECT_EQ(claims->expires_at, kExpiresAt);
  }
}

TEST(Jwt, ReadsTheExampleOfRfc8037) {
  const JwtKeys keys =
      keys_of(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
  const std::string signature =
      base64url_decode(
          "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
          .value();
  const std::string_view text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
  const JwtAlgorithm& eddsa = *find_jwt_algorithm("EdDSA");
  EXPECT_TRUE(keys[0].verify(eddsa, text, signature));
  EXPECT_FALSE(keys[0].verify(eddsa, text.substr(1), signature));
  EXPECT_FALSE(keys[0].verifies(*find_jwt_algorithm("ES256")));
}

TEST(Jwt, EndsAtExpAndTheLeeway) {
  const Example& example = kExamples[0];
  const JwtKeys keys = keys_of(example.jwk);
  EXPECT_TRUE(verify_jwt(token_of(example), keys, by_issuer(), kExpiresAt + 29s));
  const auto late = verify_jwt(token_of(example), keys, by_issuer(), kExpiresAt + 30s);
  ASSERT_FALSE(late);
  EXPECT_FALSE(late.error().by_its_key);
  EXPECT_EQ(late.error().error, (Error{Errc::unauthenticated, "the JWT has expired (exp)"}));
}

TEST(Jwt, OneChangedBitIsRefused) {
  for (const Example& example : kExamples) {
    const JwtKeys keys = keys_of(example.jwk);
    const std::string good = token_of(example);
    for (size_t at = 0; at < good.size(); ++at) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 1);
      EXPECT_FALSE(verify_jwt(bad, keys, by_issuer(), kExpiresAt - 1s)) << example.name << " at " << at;
    }
  }
}

// RFC 8725 2.1 and 3.1: what a token says of itself does not make an HMAC secret of a public key.
TEST(Jwt, NoKeyIsUsedAsOneOfAnotherKind) {
  for (const Example& signer : kExamples) {
    for (const Example& other : kExamples) {
      if (&signer == &other) continue;
      const auto claims = verify_jwt(token_of(signer), keys_of(other.jwk), by_issuer(), kExpiresAt - 1s);
      ASSERT_FALSE(claims);
      EXPECT_THAT(claims.error().error.detail, HasSubstr("by a key (kid, alg) that is not known"));
    }
  }
}

// Signed with A.1's key are only the headers below that have their own signature; the others are refused
// first.
TEST(Jwt, HeadersThatAreRefusedBeforeAnyKeyIsTried) {
  const JwtKeys keys = keys_of(kExamples[0].jwk);
  struct Case {
    std::string_view header, says;
  };
  for (const Case& c : {
           Case{"eyJhbGciOiJub25lIn0", "(alg) that is not allowed"},              // {"alg":"none"}
           {"eyJhbGciOiJOb25lIn0", "(alg) that is not allowed"},                  // {"alg":"None"}
           {"e30", "(alg) that is not allowed"},                                  // {}
           {"eyJhbGciOjF9", "alg is no string"},                                  // {"alg":1}
           {"eyJhbGciOiJIUzI1NiIsImFsZyI6Im5vbmUifQ", "says alg twice"},          // alg twice
           {"eyJhbGciOiJIUzI1NiIsImNyaXQiOlsiYjY0Il0sImI2NCI6ZmFsc2V9", "crit"},  // crit: b64
           {"eyJhbGciOiJIUzI1NiIsInR5cCI6ImRwb3Arand0In0", "(typ)"},              // dpop+jwt
           {"bm8", "has no header"},
           {"", "has no header"},
       }) {
    const std::string token = std::string(c.header) + "." + std::string(kClaims) + ".AAAA";
    const auto claims = verify_jwt(token, keys, by_issuer(), kExpiresAt - 1s);
    ASSERT_FALSE(claims) << c.header;
    EXPECT_THAT(claims.error().error.detail, HasSubstr(c.says));
  }
  const std::string unsigned_token = std::string(kExamples[0].header) + "." + std::string(kClaims) + ".";
  EXPECT_FALSE(verify_jwt(unsigned_token, keys, by_issuer(), kExpiresAt - 1s));
  EXPECT_FALSE(verify_jwt(std::string(20'000, 'a'), keys, by_issuer(), kExpiresAt - 1s));
}

TEST(Jwt, LooksLikeNoSessionId) {
  EXPECT_TRUE(is_jwt(token_of(kExamples[0])));
  for (const std::string_view text : {"a.b.c", "0123456789abcdef", "e30.e30", "e30.e30.a.b", "..", ""})
    EXPECT_FALSE(is_jwt(text)) << text;
}

TEST(JwtKeys, AFileIsPemOrAJwkSet) {
  EXPECT_EQ(parse_jwt_keys("\n"
                           R"({"keys":[)" +
                           std::string(kExamples[1].jwk) + "]}")
                .value()
                .size(),
            1u);
  const std::string pem =
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
      "-----END PUBLIC KEY-----\n";
  EXPECT_EQ(parse_jwt_keys(pem + pem).value().size(), 2u);
  struct Case {
    std::string text;
    std::string_view says;
  };
  for (const Case& c : {
           Case{"a-secret-that-stands-in-the-wrong-file", "no JWK Set"},
           {"", "no JWK Set"},
           {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "private key"},
           {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "no public key"},
           {"-----BEGIN PUBLIC KEY-----", "no public key"},
           {"{}", "no JWK Set"},
           {R"({"keys":1})", "no JWK Set"},
           {R"({"keys":[]})", "it is empty"},
           {R"({"keys":[1]})", "no JWK Set"},
           {R"({"keys":[{"kty":"oct","k":"c2hvcnQ"}]})", "32 bytes"},
           {R"({"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]})", "2048"},
           {R"({"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]})", "no public key"},
           {R"({"keys":[{"kty":"EC","crv":"secp256k1","x":"AAAA","y":"AAAA"}]})", "no public key"},
           {R"({"keys":[{"kty":"OKP","crv":"X25519","x":"AAAA"}]})", "unknown kind"},
           {R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA","d":"AAAA"}]})", "private key"},
       }) {
    const auto keys = parse_jwt_keys(c.text);
    ASSERT_FALSE(keys) << c.text;
    EXPECT_THAT(keys.error().detail, HasSubstr(c.says)) << c.text;
  }
}

TEST(JwtKeys, ASecretIsAFileOfItsOwn) {
  EXPECT_EQ(parse_jwt_secret(std::string(32, 's') + "\n").value().size(), 1u);
  EXPECT_EQ(parse_jwt_secret(std::string(32, '0')).value().size(), 1u);
  for (const std::string_view text : {"", "short", "\n"})
    EXPECT_THAT(parse_jwt_secret(text).error().detail, HasSubstr("32 bytes"));
  const std::string filler(64, 'x');
  for (const std::string_view beginning :
       {"-----BEGIN PUBLIC KEY-----\n", "MIIBIjANBgkqhkiG9w0BAQEF", "MFkwEwYHKoZIzj0C", "MCowBQYDK2VwAyEA",
        "\x30\x82\x01", "\xef\xbb\xbf{\"keys\"", "[{\"kty\"", "{\"keys\"", "ssh-rsa AAAA",
        "ecdsa-sha2-nistp256 AAAA", "https://issuer.example.org/"})
    EXPECT_THAT(parse_jwt_secret(std::string(beginning) + filler).error().detail,
                HasSubstr("looks like a key"));
}

// At a URL that everybody can read a secret is none.
TEST(JwtKeys, APublishedSetHoldsNoSecret) {
  const std::string set = R"({"keys":[)" + std::string(kExamples[0].jwk);
  EXPECT_THAT(parse_jwk_set(set + "]}").error().detail, HasSubstr("everybody can read"));
  EXPECT_EQ(parse_jwk_set(set + "," + std::string(kExamples[1].jwk) + "]}").value().size(), 1u);
}

TEST(JwtKeys, WhatIsNotForSignaturesIsPassedOver) {
  const std::string good(kExamples[2].jwk);
  const std::string with = good.substr(0, good.size() - 1);
  EXPECT_EQ(keys_of(good + "," + with + R"(,"use":"enc"})").size(), 1u);
  EXPECT_EQ(keys_of(good + "," + with + R"(,"key_ops":["sign"]})").size(), 1u);
  EXPECT_EQ(keys_of(good + "," + with + R"(,"alg":"RS256"})").size(), 1u);
  EXPECT_EQ(keys_of(good + R"(,{"kty":"of tomorrow"})").size(), 1u);
  EXPECT_EQ(
      keys_of(good + "," + with + R"(,"use":"sig","alg":"ES256","kid":"k","key_ops":["verify"]})").size(),
      2u);
}

TEST(JwtKeys, AKeysOwnAlgorithmIsItsOnlyOne) {
  const std::string rsa(kExamples[1].jwk);
  const JwtKeys any = keys_of(rsa);
  const JwtKeys one = keys_of(rsa.substr(0, rsa.size() - 1) + R"(,"alg":"PS256"})");
  EXPECT_TRUE(any[0].verifies(*find_jwt_algorithm("RS256")));
  EXPECT_TRUE(one[0].verifies(*find_jwt_algorithm("PS256")));
  EXPECT_FALSE(one[0].verifies(*find_jwt_algorithm("RS256")));
}

TEST(JwtKeys, AKeyOfAnotherIdIsNotTried) {
  const std::string jwk(kExamples[0].jwk);
  const std::string named = jwk.substr(0, jwk.size() - 1) + R"(,"kid":"k1"})";
  // Without a kid in the token, each may have signed it.
  EXPECT_TRUE(verify_jwt(token_of(kExamples[0]), keys_of(named), by_issuer(), kExpiresAt - 1s));
  const std::string of_another =
      "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsyIn0." + std::string(kClaims) + ".AAAA";  // k2
  const auto other = verify_jwt(of_another, keys_of(named), by_issuer(), kExpiresAt - 1s);
  EXPECT_THAT(other.error().error.detail, HasSubstr("not known here"));
  EXPECT_TRUE(other.error().by_its_key);
}

TEST(Jwt, TheSignatureIsNoPartOfWhichTokenItIs) {
  const std::string token = token_of(kExamples[2]);
  EXPECT_EQ(jwt_text(token), token.substr(0, token.rfind('.')));
  EXPECT_EQ(jwt_text(token), jwt_text(token.substr(0, token.rfind('.')) + ".AAAA"));
}

TEST(Base64Url, IsStrict) {
  EXPECT_EQ(base64url_decode(""), "");
  EXPECT_EQ(base64url_decode("-_-_"), "\xfb\xff\xbf");
  EXPECT_EQ(base64url_decode("AA"), std::string(1, '\0'));
  for (const std::string_view bad : {"A", "AAAAA", "AA==", "AB", "AAB", "A+AA", "A/AA", "A A", "AA\n"})
    EXPECT_FALSE(base64url_decode(bad)) << bad;
}

}  // namespace
}  // namespace gw
