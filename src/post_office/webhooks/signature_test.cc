// The example of Standard Webhooks' specification, and what is a secret.
#include "post_office/webhooks/signature.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

TEST(Signature, IsThatOfTheSpecification) {
  EXPECT_EQ(webhook_signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                              1614265330, R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(Signature, OneThatIsMadeIsASecret) {
  EXPECT_TRUE(is_webhook_secret(make_webhook_secret()));
  EXPECT_NE(make_webhook_secret(), make_webhook_secret());
}

TEST(Signature, ASecretIsLongEnough) {
  EXPECT_TRUE(is_webhook_secret("whsec_" + std::string(32, 'A')));   // 24 bytes
  EXPECT_FALSE(is_webhook_secret("whsec_" + std::string(28, 'A')));  // 21
  EXPECT_FALSE(is_webhook_secret("whsec_" + std::string(88, 'A')));  // 66
  for (const char* text :
       {"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa-w"})
    EXPECT_FALSE(is_webhook_secret(text)) << text;
}

}  // namespace
}  // namespace gw
