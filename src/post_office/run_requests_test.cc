#include "post_office/run_requests.h"

#include <gtest/gtest.h>

#include <cstring>

namespace gw {
namespace {

using namespace std::string_literals;

std::string item(std::string_view raw) {
  std::string log;
  append_item(log, raw);
  return log;
}

TEST(RunItem, IsALineByteForByte) {
  EXPECT_EQ(item("1.50"), "1.50\n");
  EXPECT_EQ(item("{\"a\" :\r\n [1,\n2]}"), "{\"a\" :   [1, 2]}\n");
  EXPECT_EQ(item(R"("\n\u00e9")"), "\"\\n\\u00e9\"\n");
}

std::string fault(const auto& result) { return result ? "" : result.error().detail; }

TEST(RunAppendBody, HasTextOrItemsOrAnEnd) {
  const auto text = read_run_append(R"({"producer":"a","epoch":1,"seq":2,"text":"x\ud83d\ude00"})");
  ASSERT_TRUE(text) << fault(text);
  EXPECT_EQ(text->append.bytes, "x\xf0\x9f\x98\x80");
  EXPECT_EQ(text->append.format, RunFormat::text);
  EXPECT_EQ(text->append.seq, 2u);
  const auto items = read_run_append(R"({"producer":"a","epoch":1,"seq":2,"items":[1,[2]]})");
  ASSERT_TRUE(items) << fault(items);
  EXPECT_EQ(items->append.bytes, "1\n[2]\n");
  EXPECT_EQ(items->append.format, RunFormat::json);
  EXPECT_EQ(items->items, 2u);
  const auto end = read_run_append(
      R"({"producer":"a","epoch":1,"seq":2,"end":{"status":"failed","error":{"code":"c"},"result":[ 1]}})");
  ASSERT_TRUE(end) << fault(end);
  EXPECT_FALSE(end->append.format);
  EXPECT_EQ(end->append.end->status, RunStatus::failed);
  EXPECT_EQ(end->append.end->error, (RunError{"c", ""}));
  EXPECT_EQ(end->append.end->result, "[ 1]");
}

TEST(RunAppendBody, AResultStandsOnOneLine) {
  const auto end = read_run_end(
      "{\"producer\":\"a\",\"epoch\":1,\"seq\":2,\"end\":{\"status\":\"completed\",\"result\":{\"a\":\r\n "
      "[1,\n\"\\n\"]}}}");
  ASSERT_TRUE(end) << fault(end);
  EXPECT_EQ(end->append.end->result, R"({"a":   [1, "\n"]})");
}

TEST(RunAppendBody, HasSoManyMembersAndNoMore) {
  const auto body_with = [](int others) {
    std::string body = R"({"producer":"a","epoch":1,"seq":2,"text":"x")";
    for (int i = 0; i < others; ++i) body += ",\"m" + std::to_string(i) + "\":0";
    return body + "}";
  };
  EXPECT_EQ(fault(read_run_append(body_with(60))), "");
  EXPECT_EQ(fault(read_run_append(body_with(61))), "the body has too many members");
  EXPECT_EQ(fault(read_run_append(body_with(100'000))), "the body has too many members");
}

TEST(RunAppendBody, NamesWhatIsWrong) {
  const std::pair<const char*, const char*> faults[] = {
      {R"({"producer":"a","epoch":1,"seq":0})", "text, items or end is required"},
      {R"({"producer":"a","epoch":1,"seq":0,"text":"a","items":[]})",
       "text and items must not stand in one append"},
      {R"({"epoch":1,"seq":0,"text":"a"})", "producer is required"},
      {R"({"producer":"a","epoch":10000,"seq":0,"text":"a"})", "epoch must be a whole number from 0 to 9999"},
      {R"({"producer":"a","epoch":1,"seq":0,"seq":1,"text":"a"})", "a member stands twice: seq"},
      {R"({"producer":"a","epoch":1,"seq":0,"\u0073eq":1,"text":"a"})", "a member stands twice: seq"},
      {R"({"producer":"a","epoch":1,"seq":0,"end":{"status":"done"}})",
       "end: status must be completed, failed or cancelled"},
      {R"({"producer":"a","epoch":1,"seq":0,"end":{"status":"failed","error":{"code":"a b"}}})",
       "end: error: code must match [A-Za-z0-9._@+=-]{1,128}"},
  };
  for (const auto& [body, detail] : faults) EXPECT_EQ(fault(read_run_append(body)), detail) << body;
  EXPECT_EQ(fault(read_run_end(R"({"producer":"a","epoch":1,"seq":0})")), "end is required");
}

TEST(RunClaimBody, KeepsAllOrSomeBytes) {
  const auto keep = [](const std::string& value) {
    const auto call = read_run_claim(R"({"producer":"a","keep":)" + value + "}");
    return call ? (call->claim.keep ? std::to_string(*call->claim.keep) : "all") : call.error().detail;
  };
  EXPECT_EQ(keep("\"all\""), "all");
  EXPECT_EQ(keep("null"), "all");
  EXPECT_EQ(keep("0"), "0");
  EXPECT_EQ(keep("12"), "12");
  EXPECT_EQ(keep("\"some\""), "keep must be a whole number from 0 to 9007199254740992");
}

TEST(RunCreationBody, IsClaimedByItsMaker) {
  const auto made = read_run_creation(R"({"channel":"guide","producer":"a","lease_ms":2000,"takeover_ms":0,
      "ttl_seconds":60,"to":{"user_id":"ada"},"metadata":{"a": 1}})");
  ASSERT_TRUE(made) << fault(made);
  EXPECT_TRUE(made->run.run_id.starts_with("run_"));
  EXPECT_EQ(made->run.claim->lease, 2s);
  EXPECT_EQ(made->run.claim->takeover, Duration::zero());
  EXPECT_EQ(made->run.retention, 60s);
  EXPECT_EQ(made->run.metadata, R"({"a": 1})");
  EXPECT_EQ(std::get<ToUser>(*made->to).user_id, "ada");
}

TEST(RunCreationBody, ATimeBeyondEveryBoundIsAFault) {
  for (const char* field : {"lease_ms", "takeover_ms", "ttl_seconds"}) {
    const std::string body =
        R"({"channel":"guide","producer":"a",")" + std::string(field) + R"(":9007199254740992})";
    EXPECT_EQ(fault(read_run_creation(body)).substr(0, std::strlen(field)), field);
  }
}

TEST(RunCancelBody, MayBeMissing) {
  EXPECT_EQ(*read_run_cancel(""), "");
  EXPECT_EQ(*read_run_cancel(R"({"reason":"enough"})"), "enough");
  EXPECT_FALSE(read_run_cancel("[]"));
}

}  // namespace
}  // namespace gw
