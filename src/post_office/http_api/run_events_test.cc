#include "post_office/http_api/run_events.h"

#include <gtest/gtest.h>

namespace gw::http_api {
namespace {

Run run_with(std::string_view text) {
  Run run;
  run.record.run_id = "r";
  run.log.append(text);
  return run;
}

// A claim that keeps so many bytes.
void claim(Run& run, uint64_t keep) {
  run.log.begin_epoch(++run.record.epoch, keep);
  run.record.claim_epoch = run.record.epoch;
  run.record.status = RunStatus::in_progress;
}

std::string resumed(const Run& run, const std::optional<RunCursor>& cursor) {
  const RunStart start = resume_run(run, cursor);
  return std::to_string(start.pos) + " " + std::string(start.reset_cause) + (start.loses ? " loses" : "");
}

TEST(RunEvents, SayWhereTheyEnd) {
  std::string out;
  append_data_event(out, {1, 3, RunHash::of("a\nb")}, StreamKind::text, "a\nb");
  EXPECT_EQ(out, "event: data\nid: 0001.000000000003." + RunHash::of("a\nb").text() + "\ndata:a\ndata:b\n\n");
}

std::string data_of(StreamKind kind, std::string_view bytes) {
  std::string out;
  append_data_event(out, {}, kind, bytes);
  return out.substr(out.find("data:"));
}

TEST(RunEvents, KeepTheBlankThatBeginsALine) {
  EXPECT_EQ(data_of(StreamKind::text, " a\r\n  b\r\n"), "data:  a\ndata:   b\ndata:\n\n");
}

TEST(RunEvents, CarryBinaryInBase64) {
  EXPECT_EQ(data_of(StreamKind::binary, std::string_view("\xff\0\n", 3)), "data:/wAK\n\n");
  EXPECT_EQ(data_of(StreamKind::binary, "a"), "data:YQ==\n\n");
  EXPECT_EQ(data_of(StreamKind::binary, "ab"), "data:YWI=\n\n");
}

TEST(RunEvents, CarryTextThatIsNotUtf8WithMarksInIt) {
  EXPECT_EQ(data_of(StreamKind::text, "a\xe4\n\xc3\xa4\x80\x80"),
            "data:a\xef\xbf\xbd\ndata:\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\n\n");
}

TEST(RunEvents, GiveItemsAsOneArray) {
  EXPECT_EQ(json_array("1\n{}\n"), "[1,{}]");
  EXPECT_EQ(json_array(""), "[]");
}

TEST(RunEvents, EndWithTheRecord) {
  gw::Run run = run_with("ab");
  claim(run, 2);
  run.record.status = RunStatus::failed;
  run.record.rare.make().error = RunError{"broken", "m"};
  std::string out;
  append_end_event(out, run);
  const std::string hash = RunHash::of("ab").text();
  EXPECT_EQ(out, "id: 0001.000000000002." + hash +
                     ".end\nevent: control\ndata:{\"streamNextOffset\":\"0001.000000000002." + hash +
                     "\",\"upToDate\":true,\"streamClosed\":true,\"run_id\":\"r\",\"status\":\"failed\"," +
                     "\"epoch\":1,\"pos\":2,\"hash\":\"" + hash +
                     "\",\"error\":{\"code\":\"broken\",\"message\":\"m\"},\"result\":null}\n\n");
}

TEST(RunResumption, GoesOnOrSaysWhyNot) {
  gw::Run run = run_with("Once upon");
  claim(run, 9);
  EXPECT_EQ(resumed(run, RunCursor{1, 4, RunHash::of("Once")}), "4 ");
  EXPECT_EQ(resumed(run, RunCursor{1, 4, RunHash::of("Twic")}), "0 diverged loses");
  EXPECT_EQ(resumed(run, RunCursor{1, 20, RunHash::of("Once")}), "0 ahead loses");
  EXPECT_EQ(resumed(run, RunCursor{2, 4, RunHash::of("Once")}), "0 ahead loses");
  EXPECT_EQ(resumed(run, std::nullopt), "0 diverged loses");
  EXPECT_EQ(resumed(run, RunCursor{0, 4, RunHash::of("Once")}), "4 claimed");
  claim(run, 4);
  EXPECT_EQ(resumed(run, RunCursor{1, 9, RunHash::of("Once upon")}), "4 superseded loses");
  EXPECT_EQ(resumed(run, RunCursor{1, 3, RunHash::of("Onc")}), "3 claimed");
  run.log.begin_epoch(++run.record.epoch, 4);
  run.record.status = RunStatus::abandoned;
  EXPECT_EQ(resumed(run, RunCursor{2, 4, RunHash::of("Once")}), "4 ended");
  // As /ws says it: the epoch that begins is the gateway's, whatever its reader had missed before.
  EXPECT_EQ(resumed(run, RunCursor{1, 3, RunHash::of("Onc")}), "3 ended");
}

}  // namespace
}  // namespace gw::http_api
