// Shares of what all webhooks may have on their way.
#include "post_office/webhooks/hook.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

size_t take_all(CallBudget& budget, const std::string& realm) {
  size_t taken = 0;
  for (; budget.allows(realm); ++taken) budget.take(realm);
  return taken;
}

TEST(CallBudget, LeavesAsManyForOthersAsOneRealmHas) {
  WebhookOptions options;
  options.calls_max = 8;
  CallBudget budget(options);
  EXPECT_EQ(take_all(budget, "shop"), 4u);
  EXPECT_EQ(take_all(budget, "bank"), 2u);
  EXPECT_EQ(take_all(budget, "mill"), 1u);
  EXPECT_EQ(budget.used(), 7u);
  budget.give_back("shop");
  budget.give_back("shop");
  EXPECT_TRUE(budget.allows("mill"));
  options.calls_max = 1;
  EXPECT_FALSE(budget.allows("new"));
}

}  // namespace
}  // namespace gw
