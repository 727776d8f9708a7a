#include "protocol/run_message.h"

#include <gtest/gtest.h>

#include "json/json.h"
#include "protocol/server_message.h"

namespace gw::protocol {
namespace {

// 2026-01-02T03:04:05.678Z
constexpr WallTime kNow{std::chrono::milliseconds(1767323045678)};
constexpr RunPoint kPoint{2, 195, "1c8441d38a51ad"};

TEST(RunMessage, Snapshot) {
  std::string out;
  append_run_snapshot(out, {"run_1"}, kPoint, {"c1", "guide", "text", "in_progress", "attach", "a\n\"b\""},
                      kNow);
  EXPECT_EQ(out, R"({"type":"run","event":"snapshot","run_id":"run_1","thread_id":"c1","channel":"guide",)"
                 R"("format":"text","epoch":2,"pos":195,"hash":"1c8441d38a51ad","status":"in_progress",)"
                 R"("cause":"attach","text":"a\n\"b\"","timestamp":"2026-01-02T03:04:05.678Z"})");
}

TEST(RunMessage, DeltaAnswersAnAttachWithItsId) {
  std::string out;
  append_run_delta(out, {"run_1", "7", "c1"}, kPoint, 187, " and the", kNow);
  EXPECT_EQ(out,
            R"({"type":"run","event":"delta","run_id":"run_1","id":7,"thread_id":"c1","epoch":2,"from":187,)"
            R"("pos":195,"hash":"1c8441d38a51ad","text":" and the","timestamp":"2026-01-02T03:04:05.678Z"})");
}

TEST(RunMessage, Reset) {
  std::string out;
  append_run_reset(out, {"run_1"}, kPoint, "superseded", kNow);
  EXPECT_EQ(out,
            R"({"type":"run","event":"reset","run_id":"run_1","epoch":2,"pos":195,"hash":"1c8441d38a51ad",)"
            R"("cause":"superseded","timestamp":"2026-01-02T03:04:05.678Z"})");
}

TEST(RunMessage, Top) {
  std::string out;
  append_run_top(out, {"run_1"}, kPoint, {"in_progress", "live", 840ms, true}, kNow);
  EXPECT_EQ(out,
            R"({"type":"run","event":"top","run_id":"run_1","epoch":2,"pos":195,"hash":"1c8441d38a51ad",)"
            R"("status":"in_progress","owner":"live","idle_ms":840,"cancel_requested":true,)"
            R"("timestamp":"2026-01-02T03:04:05.678Z"})");
}

TEST(RunMessage, EndSaysWhy) {
  std::string out;
  append_run_end(out, {"run_1"}, kPoint, {"failed", "agent_lost", "it \"went\"", R"({"n":1})"}, kNow);
  EXPECT_EQ(out,
            R"({"type":"run","event":"end","run_id":"run_1","epoch":2,"pos":195,"hash":"1c8441d38a51ad",)"
            R"("status":"failed","error":{"code":"agent_lost","message":"it \"went\""},"result":{"n":1},)"
            R"("timestamp":"2026-01-02T03:04:05.678Z"})");
  out.clear();
  append_run_end(out, {"run_1"}, kPoint, {"completed"}, kNow);
  EXPECT_NE(out.find(R"("error":null,"result":null,)"), out.npos);
}

TEST(RunMessage, AcksAndErrorsNameTheRun) {
  std::string out;
  append_ack(out, "1", AckStatus::published, kNow, {.run_id = "run_1", .attached = false});
  EXPECT_EQ(out, R"({"type":"ack","id":1,"status":"published","run_id":"run_1","attached":false,)"
                 R"("timestamp":"2026-01-02T03:04:05.678Z"})");
  out.clear();
  append_error(out, ErrorCode::unknown_run, kUnknownRunMessage, "1", kNow, {.thread_id = "c1"});
  EXPECT_EQ(
      out, R"({"type":"error","code":"unknown_run","message":"There is no such run","id":1,"thread_id":"c1",)"
           R"("timestamp":"2026-01-02T03:04:05.678Z"})");
  out.clear();
  append_detached(out, "run_1", "forbidden", {}, kNow);
  EXPECT_EQ(
      out,
      R"({"type":"detach","run_id":"run_1","reason":"forbidden","timestamp":"2026-01-02T03:04:05.678Z"})");
}

}  // namespace
}  // namespace gw::protocol
