#include "core/run/run.h"

#include "core/run_store.h"

#include <gtest/gtest.h>

#include <set>

namespace gw {
namespace {

TEST(RunNames, AreWhatTheyMayBe) {
  for (const std::string& name : {std::string("a"), std::string("run_0.~-Z"), std::string(128, 'x')})
    EXPECT_TRUE(is_valid_run_id(name)) << name;
  for (const std::string& name :
       {std::string(), std::string(129, 'x'), std::string("a b"), std::string("a/b"), std::string("é"),
        std::string("a:b"), std::string("{a}"), std::string("a\n"), std::string("a\0", 2)})
    EXPECT_FALSE(is_valid_run_id(name)) << name;
  EXPECT_TRUE(is_valid_thread_id("AZaz09._:@+=-"));
  EXPECT_TRUE(is_valid_thread_id(std::string(128, ':')));
  for (const std::string& name : {std::string(), std::string(129, 'x'), std::string("a~b"),
                                  std::string("a b"), std::string("a|b"), std::string("a%b")})
    EXPECT_FALSE(is_valid_thread_id(name)) << name;
}

TEST(RunNames, AreMadeOfAMessageOrOfChance) {
  EXPECT_EQ(run_id_of_message("01890a5d-ac96-774b-bcce-b302099a8057"),
            "run_01890a5dac96774bbcceb302099a8057");
  const std::string made = make_run_id();
  EXPECT_EQ(made.size(), 36u);
  EXPECT_EQ(made.substr(0, 4), "run_");
  EXPECT_TRUE(is_valid_run_id(made));
  EXPECT_NE(made, make_run_id());
}

TEST(RunAudience, HasOneTextForEach) {
  using Kind = RunAudience::Kind;
  const std::vector<std::pair<RunAudience, std::string>> all{
      {{Kind::user, "ann", ""}, "guide"},       {{Kind::user, "ann", "red"}, "guide"},
      {{Kind::user, "red:ann", ""}, "guide"},   {{Kind::session, "ann", ""}, "guide"},
      {{Kind::connection, "ann", ""}, "guide"}, {{Kind::channel, "", ""}, "guide"},
      {{Kind::channel, "", ""}, "pillar:a"},    {{Kind::channel, "", "red"}, "guide"},
      {{Kind::anonymous, "", ""}, "guide"},     {{Kind::user, "a\xc3\xa9", ""}, "guide"}};
  std::set<std::string> texts;
  for (const auto& [audience, channel] : all) texts.insert(audience.text(channel));
  EXPECT_EQ(texts.size(), all.size());
  EXPECT_EQ((RunAudience{Kind::user, "ann", ""}.text("guide")),
            (RunAudience{Kind::user, "ann", ""}.text("x")))
      << "a user's threads are his on every channel";
  EXPECT_EQ((RunAudience{Kind::user, "o'b|n", "red"}.text("")), "user:red:o%27b%7Cn");
}

TEST(RunAccount, IsWhoAskedOrIsAnswered) {
  using Kind = RunAudience::Kind;
  const RunAudience ann{Kind::user, "ann", "red"}, anonymous, channel{Kind::channel, "", ""};
  EXPECT_EQ(account_of(ann, "ws_1"), ann.text(""));
  EXPECT_EQ(account_of(channel, "ws_1"), "");
  EXPECT_EQ(account_of(anonymous, ""), "");
  EXPECT_NE(account_of(anonymous, "ws_1"), account_of(anonymous, "ws_2"));
}

TEST(RunLists, APlaceIsNoRunsName) {
  EXPECT_EQ(parse_run_list_place(run_list_place(1'700'000'000'123'456)), 1'700'000'000'123'456);
  EXPECT_FALSE(is_valid_run_id(run_list_place(1)));
  for (const char* text : {"", "@", "1", "@x", "@1x", "@-1", "@99999999999999999999"})
    EXPECT_FALSE(parse_run_list_place(text)) << text;
}

TEST(RunAudience, AnAnonymousThreadIsASecret) {
  EXPECT_TRUE((RunAudience{RunAudience::Kind::user, "ann", ""}.has_thread("c")));
  EXPECT_FALSE((RunAudience{RunAudience::Kind::user, "ann", ""}.has_thread("")));
  EXPECT_FALSE(RunAudience().has_thread("fifteen-letters"));
  EXPECT_TRUE(RunAudience().has_thread("sixteen-letters."));
}

TEST(RunWords, AreReadAsTheyAreWritten) {
  for (int i = 0; i < 6; ++i) {
    const auto status = static_cast<RunStatus>(i);
    EXPECT_EQ(parse_run_status(to_string(status)), status);
    EXPECT_EQ(is_over(status), i >= 2);
  }
  EXPECT_EQ(to_string(RunStatus::in_progress), "in_progress");
  EXPECT_EQ(to_string(RunStatus::abandoned), "abandoned");
  EXPECT_EQ(parse_run_format("json"), RunFormat::json);
  EXPECT_EQ(to_string(RunFormat::text), "text");
  EXPECT_FALSE(parse_run_status("running"));
  EXPECT_EQ(parse_run_format("ai-sdk"), RunFormat::ai_sdk);
  EXPECT_FALSE(parse_run_format("ai_sdk"));
  EXPECT_EQ(to_string(RunCancelled::already), "already");
  EXPECT_EQ(to_string(RunErrc::not_found), "run_not_found");
  EXPECT_EQ(to_string(RunErrc::unavailable), "unavailable");
}

}  // namespace
}  // namespace gw
