#include "protocol/run_framing.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gw::protocol {
namespace {

using How = FramedEnd::How;

// The types of a log's lines, in order, those that follow each other once.
std::string types_of(std::string_view log) {
  std::string out, last;
  while (!log.empty()) {
    const size_t end = log.find('\n');
    const auto line = json::parse_object(log.substr(0, end));
    EXPECT_TRUE(line) << log.substr(0, end);
    const std::string type = line ? text_of(*line, "type") : "?";
    if (type != last) out.append(out.empty() ? "" : " ").append(type);
    last = type;
    log.remove_prefix(end + 1);
  }
  return out;
}

// One log and the framing that writes it.
class FramedLog {
 public:
  explicit FramedLog(FramedProtocol protocol, FramedHead head = {"run_1"}) : protocol_(protocol) {
    framing_ = RunFraming(protocol);
    log_ = RunFraming::head(protocol, head);
    framing_.fold(log_);
  }
  // "ok", or why it was refused.
  std::string text(std::string_view text) {
    const std::string answer = take(RunFraming(framing_), [&](RunFraming& f) { return f.text(text); });
    expect_fold();
    return answer;
  }
  std::string items(std::string_view lines, const FramedEnd* end = nullptr) {
    const std::string answer = take(RunFraming(framing_), [&](RunFraming& f) { return f.items(lines, end); });
    if (!end) expect_fold();
    return answer;
  }
  std::string end(const FramedEnd& end) {
    log_ += framing_.end(end);
    return log_;
  }
  std::string begin_attempt() {
    const auto [from, to] = framing_.opening();
    const std::string bytes = framing_.begin_attempt(log_.substr(from, to - from));
    log_ += bytes;
    return bytes;
  }
  const std::string& log() const { return log_; }
  std::string types() const { return types_of(log_); }
  // Whoever reads the log knows what its writer knows.
  void expect_fold() const {
    RunFraming folded(protocol_);
    folded.fold(log_);
    EXPECT_EQ(folded, framing_) << log_;
  }

 private:
  template <class F>
  std::string take(RunFraming next, const F& say) {
    const Result<std::string> bytes = say(next);
    if (!bytes) return bytes.error().code == Errc::failed_precondition ? "mixed" : bytes.error().detail;
    framing_ = next;
    log_ += *bytes;
    return "ok";
  }

  const FramedProtocol protocol_;
  RunFraming framing_;
  std::string log_;
};

FramedLog ai_sdk() { return FramedLog(FramedProtocol::ai_sdk); }
FramedLog ag_ui() { return FramedLog(FramedProtocol::ag_ui, {"run_1", "t1", "c1"}); }

// --- AI SDK -----------------------------------------------------------------------------------------------

TEST(AiSdkFraming, PutsTextIntoOnePartOfOneStep) {
  FramedLog log = ai_sdk();
  EXPECT_EQ(log.text("He said \"hi\"\n"), "ok");
  EXPECT_EQ(log.text(""), "ok");
  EXPECT_EQ(log.text("é"), "ok");
  EXPECT_EQ(log.end({How::completed}), R"({"type":"start","messageId":"run_1"}
{"type":"start-step"}
{"type":"text-start","id":"run_1:text-1"}
{"type":"text-delta","id":"run_1:text-1","delta":"He said \"hi\"\n"}
{"type":"text-delta","id":"run_1:text-1","delta":"é"}
{"type":"text-end","id":"run_1:text-1"}
{"type":"finish-step"}
{"type":"finish","finishReason":"stop"}
)");
}

TEST(AiSdkFraming, EndsWithWhatHasHappened) {
  FramedLog failed = ai_sdk(), cancelled = ai_sdk(), silent = ai_sdk();
  failed.text("a");
  EXPECT_TRUE(failed.end({How::failed, "agent_lost", "the agent is gone"})
                  .ends_with("{\"type\":\"finish-step\"}\n{\"type\":\"error\",\"errorText\":\"the agent is "
                             "gone\"}\n{\"type\":\"finish\",\"finishReason\":\"error\"}\n"));
  cancelled.text("a");
  EXPECT_TRUE(cancelled.end({How::cancelled, "cancelled", "enough"})
                  .ends_with("{\"type\":\"abort\",\"reason\":\"enough\"}\n"
                             "{\"type\":\"finish\",\"finishReason\":\"other\"}\n"));
  silent.end({How::cancelled, "cancelled", ""});
  EXPECT_TRUE(
      silent.log().ends_with("{\"type\":\"abort\"}\n{\"type\":\"finish\",\"finishReason\":\"other\"}\n"));
}

TEST(AiSdkFraming, KeepsItemsAsTheyAreAndLeavesOutWhatItWritesItself) {
  FramedLog log = ai_sdk();
  EXPECT_EQ(log.items("{\"type\":\"start\",\"messageId\":\"other\",\"messageMetadata\":{\"model\":\"m\"}}\n"
                      "{ \"type\" : \"start-step\" }\n"
                      "{\"type\":\"text-start\",\"id\":\"0\",\"extra\":[1e400]}\n"),
            "ok");
  EXPECT_EQ(log.items("{\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"a\"}\n"
                      "{\"type\":\"text-end\",\"id\":\"0\"}\n{\"type\":\"finish-step\"}\n"
                      "{\"type\":\"finish\",\"finishReason\":\"length\",\"messageMetadata\":{\"n\":1}}\n"),
            "ok");
  EXPECT_EQ(log.log(), R"({"type":"start","messageId":"run_1"}
{"type":"message-metadata","messageMetadata":{"model":"m"}}
{ "type" : "start-step" }
{"type":"text-start","id":"0","extra":[1e400]}
{"type":"text-delta","id":"0","delta":"a"}
{"type":"text-end","id":"0"}
{"type":"finish-step"}
{"type":"message-metadata","messageMetadata":{"n":1}}
)");
}

TEST(AiSdkFraming, TakesTheClosingChunkOfTheBatchThatEnds) {
  const FramedEnd completed{How::completed}, cancelled{How::cancelled, "cancelled", "ours"};
  FramedLog log = ai_sdk(), aborted = ai_sdk(), failed = ai_sdk();
  EXPECT_EQ(log.items("{\"type\":\"text-start\",\"id\":\"0\"}\n"
                      "{\"type\":\"finish\",\"finishReason\":\"tool-calls\"}\n",
                      &completed),
            "ok");
  log.end(completed);
  EXPECT_TRUE(log.log().ends_with(
      "{\"type\":\"text-end\",\"id\":\"0\"}\n{\"type\":\"finish\",\"finishReason\":\"tool-calls\"}\n"));
  EXPECT_EQ(aborted.items("{\"type\":\"abort\",\"reason\":\"its own\"}\n{\"type\":\"finish\"}\n", &cancelled),
            "ok");
  aborted.end(cancelled);
  EXPECT_TRUE(aborted.log().ends_with(
      "{\"type\":\"abort\",\"reason\":\"its own\"}\n{\"type\":\"finish\",\"finishReason\":\"other\"}\n"));
  // What it said of the fault itself is not said again.
  EXPECT_EQ(failed.items("{\"type\":\"error\",\"errorText\":\"mine\"}\n"), "ok");
  failed.end({How::failed, "e", "ours"});
  EXPECT_EQ(failed.types(), "start error finish");
  EXPECT_EQ(log.items("{\"type\":\"finish\"}\n{\"type\":\"start-step\"}\n", &completed),
            "items[0] (finish): nothing may follow the end");
}

TEST(AiSdkFraming, RefusesWhatReadersWouldStumbleOver) {
  FramedLog log = ai_sdk();
  EXPECT_EQ(log.items("{\"type\":\"text-start\",\"id\":\"0\"}\n{\"type\":\"tool-input-start\",\"toolCallId\":"
                      "\"c\",\"toolName\":\"t\"}\n"),
            "ok");
  const std::vector<std::pair<std::string, std::string>> refused{
      {"[]", "items[0] must be an object"},
      {"{\"type\":1}", "items[0]: type must be that of a chunk of AI SDK's UI message stream"},
      {"{\"type\":\"text\"}", "items[0] (text): type must be that of a chunk of AI SDK's UI message stream"},
      {"{\"type\":\"text-delta\",\"id\":\"1\",\"delta\":\"\"}",
       "items[0] (text-delta): there is no open part \"1\""},
      {"{\"type\":\"text-delta\",\"id\":\"0\",\"delta\":null}",
       "items[0] (text-delta): delta must be a string"},
      {"{\"type\":\"text-delta\",\"id\":\"0\"}", "items[0] (text-delta): delta is required"},
      {"{\"type\":\"text-end\",\"id\":\"1\"}", "items[0] (text-end): there is no open part \"1\""},
      {"{\"type\":\"text-start\",\"id\":\"0\"}", "items[0] (text-start): the part \"0\" is open already"},
      {"{\"type\":\"reasoning-delta\",\"id\":\"0\",\"delta\":\"\"}",
       "items[0] (reasoning-delta): there is no open part \"0\""},
      {"{\"type\":\"tool-input-delta\",\"toolCallId\":\"d\",\"inputTextDelta\":\"\"}",
       "items[0] (tool-input-delta): there is no open input of tool call \"d\""},
      {"{\"type\":\"tool-input-start\",\"toolCallId\":\"c\",\"toolName\":\"t\"}",
       "items[0] (tool-input-start): the input of tool call \"c\" is open already"},
      {"{\"type\":\"text-start\",\"id\":\"run_1:text-1\"}",
       "items[0] (text-start): ids that begin with the run's id and :text- are the gateway's own"},
      {"{\"type\":\"finish\",\"finishReason\":\"done\"}",
       "items[0] (finish): finishReason must be one of stop, length, content-filter, tool-calls, error, "
       "interrupted, other"},
      {"{\"type\":\"source-url\",\"sourceId\":\"s\",\"url\":\"u\",\"providerMetadata\":{\"p\":1}}",
       "items[0] (source-url): providerMetadata.p must be an object"},
  };
  const std::string before = log.log();
  for (const auto& [item, why] : refused) EXPECT_EQ(log.items(item + "\n"), why);
  // Of a batch all or nothing.
  EXPECT_EQ(log.items("{\"type\":\"text-end\",\"id\":\"0\"}\n{\"type\":\"text-end\",\"id\":\"0\"}\n"),
            "items[1] (text-end): there is no open part \"0\"");
  EXPECT_EQ(log.log(), before);
}

TEST(AiSdkFraming, ClosesAllThatIsOpen) {
  FramedLog log = ai_sdk();
  EXPECT_EQ(
      log.items("{\"type\":\"start-step\"}\n{\"type\":\"reasoning-start\",\"id\":\"r\"}\n"
                "{\"type\":\"text-start\",\"id\":\"0\"}\n{\"type\":\"data-chart\",\"data\":null}\n"
                "{\"type\":\"tool-input-start\",\"toolCallId\":\"c\",\"toolName\":\"t\"}\n"
                "{\"type\":\"tool-input-start\",\"toolCallId\":\"d\",\"toolName\":\"t\"}\n"
                "{\"type\":\"tool-input-available\",\"toolCallId\":\"d\",\"toolName\":\"t\",\"input\":{}}\n"),
      "ok");
  log.end({How::failed, "deadline", ""});
  EXPECT_TRUE(log.log().ends_with(R"({"type":"text-end","id":"0"}
{"type":"reasoning-end","id":"r"}
{"type":"tool-input-error","toolCallId":"c","toolName":"t","input":null,"errorText":"the answer ended before the call was whole"}
{"type":"finish-step"}
{"type":"error","errorText":"deadline"}
{"type":"finish","finishReason":"error"}
)")) << log.log();
}

TEST(AiSdkFraming, BeginsAnotherAttemptWithResetStep) {
  FramedLog log = ai_sdk();
  EXPECT_EQ(log.begin_attempt(), "") << "nothing was said";
  log.text("a");
  EXPECT_EQ(log.items("{\"type\":\"start-step\"}\n"), "mixed");
  EXPECT_EQ(log.begin_attempt(),
            "{\"type\":\"text-end\",\"id\":\"run_1:text-1\"}\n{\"type\":\"reset-step\"}\n{\"type\":\"start-"
            "step\"}\n");
  log.expect_fold();
  EXPECT_EQ(log.begin_attempt(), "");
  EXPECT_EQ(log.items("{\"type\":\"text-start\",\"id\":\"0\"}\n"), "ok")
      << "each attempt has its own framing";
  EXPECT_EQ(log.text("b"), "mixed");
  log.begin_attempt();
  EXPECT_EQ(log.text("c"), "ok");
  EXPECT_TRUE(log.end({How::completed}).find("\"run_1:text-2\"") != std::string::npos);
}

// --- AG-UI ------------------------------------------------------------------------------------------------

TEST(AgUiFraming, PutsTextIntoOneMessage) {
  FramedLog log = ag_ui();
  EXPECT_EQ(log.text("a"), "ok");
  EXPECT_EQ(log.text("b"), "ok");
  EXPECT_EQ(log.end({How::completed, "", "", "{\"n\":1}"}),
            R"({"type":"RUN_STARTED","threadId":"t1","runId":"c1"}
{"type":"TEXT_MESSAGE_START","messageId":"c1:text-1","role":"assistant"}
{"type":"TEXT_MESSAGE_CONTENT","messageId":"c1:text-1","delta":"a"}
{"type":"TEXT_MESSAGE_CONTENT","messageId":"c1:text-1","delta":"b"}
{"type":"TEXT_MESSAGE_END","messageId":"c1:text-1"}
{"type":"RUN_FINISHED","threadId":"t1","runId":"c1","result":{"n":1}}
)");
}

TEST(AgUiFraming, BeginsWithWhatTheClientHad) {
  FramedLog log(FramedProtocol::ag_ui,
                {"run_1", "", "", "[\n {\"id\":\"u1\",\"role\":\"user\",\"content\":\"q\"}\r\n]"});
  EXPECT_EQ(log.log(),
            "{\"type\":\"RUN_STARTED\",\"threadId\":\"run_1\",\"runId\":\"run_1\"}\n{\"type\":\"MESSAGES_"
            "SNAPSHOT\","
            "\"messages\":[  {\"id\":\"u1\",\"role\":\"user\",\"content\":\"q\"}  ]}\n");
  EXPECT_EQ(log.begin_attempt(), "");
  log.text("a");
  log.expect_fold();
  EXPECT_EQ(log.begin_attempt(),
            "{\"type\":\"TEXT_MESSAGE_END\",\"messageId\":\"run_1:text-1\"}\n{\"type\":\"MESSAGES_SNAPSHOT\","
            "\"messages\":[  {\"id\":\"u1\",\"role\":\"user\",\"content\":\"q\"}  ]}\n");
  log.expect_fold();
  EXPECT_EQ(log.begin_attempt(), "");
  EXPECT_EQ(log.items("{\"type\":\"STATE_SNAPSHOT\",\"snapshot\":null}\n"), "ok");
  EXPECT_EQ(log.text("a"), "mixed");
}

TEST(AgUiFraming, TakesBackAllWhereTheClientIsNotKnown) {
  FramedLog log = ag_ui();
  log.text("a");
  EXPECT_TRUE(log.begin_attempt().ends_with("{\"type\":\"MESSAGES_SNAPSHOT\",\"messages\":[]}\n"));
  log.expect_fold();
  EXPECT_EQ(log.begin_attempt(), "");
}

TEST(AgUiFraming, EndsWithWhatHasHappened) {
  FramedLog failed = ag_ui(), cancelled = ag_ui();
  failed.text("a");
  EXPECT_TRUE(
      failed.end({How::failed, "agent_lost", "it is gone"})
          .ends_with("{\"type\":\"TEXT_MESSAGE_END\",\"messageId\":\"c1:text-1\"}\n{\"type\":\"RUN_ERROR\","
                     "\"message\":\"it is gone\",\"code\":\"agent_lost\"}\n"));
  EXPECT_TRUE(
      cancelled.end({How::cancelled, "cancelled", ""})
          .ends_with("{\"type\":\"RUN_FINISHED\",\"threadId\":\"t1\",\"runId\":\"c1\",\"outcome\":{\"type\":"
                     "\"cancelled\"}}\n"));
}

TEST(AgUiFraming, TakesTheClosingEventOfTheBatchThatEnds) {
  const FramedEnd completed{How::completed, "", "", "7"}, failed{How::failed, "e", "ours"};
  const std::string finished =
      "{\"type\":\"RUN_FINISHED\",\"threadId\":\"x\",\"runId\":\"y\",\"outcome\":{\"type\":\"interrupt\","
      "\"interrupts\":[{\"id\":\"i\",\"reason\":\"approval\"}]}}\n";
  FramedLog log = ag_ui(), erred = ag_ui(), early = ag_ui();
  EXPECT_EQ(log.items("{\"type\":\"RUN_STARTED\",\"threadId\":\"x\",\"runId\":\"y\"}\n"
                      "{\"type\":\"STEP_STARTED\",\"stepName\":\"s\"}\n" +
                          finished,
                      &completed),
            "ok");
  log.end(completed);
  EXPECT_TRUE(
      log.log().ends_with("{\"type\":\"STEP_FINISHED\",\"stepName\":\"s\"}\n{\"type\":\"RUN_FINISHED\","
                          "\"threadId\":\"t1\",\"runId\":\"c1\","
                          "\"outcome\":{\"type\":\"interrupt\",\"interrupts\":[{\"id\":\"i\",\"reason\":"
                          "\"approval\"}]},\"result\":7}\n"))
      << log.log();
  EXPECT_EQ(erred.items("{\"type\":\"RUN_ERROR\",\"message\":\"mine\"}\n", &failed), "ok");
  erred.end(failed);
  EXPECT_TRUE(erred.log().ends_with("}\n{\"type\":\"RUN_ERROR\",\"message\":\"mine\"}\n"));
  EXPECT_EQ(early.items(finished + "{\"type\":\"RUN_ERROR\",\"message\":\"mine\"}\n"), "ok");
  EXPECT_EQ(early.types(), "RUN_STARTED");
}

TEST(AgUiFraming, ClosesAllThatIsOpen) {
  FramedLog log = ag_ui();
  EXPECT_EQ(log.items(R"({"type":"SUBAGENT_STARTED","subagentRunId":"s","name":"helper"}
{"type":"STEP_STARTED","stepName":"a"}
{"type":"STEP_STARTED","stepName":"a","subagentRunId":"s"}
{"type":"REASONING_START","messageId":"r"}
{"type":"REASONING_MESSAGE_START","messageId":"r","role":"reasoning"}
{"type":"TOOL_CALL_START","toolCallId":"c","toolCallName":"t"}
{"type":"TEXT_MESSAGE_START","messageId":"m"}
{"type":"TEXT_MESSAGE_CHUNK","messageId":"k","subagentRunId":"s","delta":"x"}
)"),
            "ok");
  log.end({How::cancelled, "cancelled", ""});
  EXPECT_TRUE(log.log().ends_with(R"({"type":"TEXT_MESSAGE_END","messageId":"m"}
{"type":"TOOL_CALL_END","toolCallId":"c"}
{"type":"REASONING_MESSAGE_END","messageId":"r"}
{"type":"REASONING_END","messageId":"r"}
{"type":"STEP_FINISHED","stepName":"a"}
{"type":"STEP_FINISHED","stepName":"a","subagentRunId":"s"}
{"type":"SUBAGENT_ERROR","subagentRunId":"s","message":"the answer ended before the subagent had"}
{"type":"RUN_FINISHED","threadId":"t1","runId":"c1","outcome":{"type":"cancelled"}}
)")) << log.log();
}

TEST(AgUiFraming, RefusesWhatReadersWouldStumbleOver) {
  FramedLog log = ag_ui();
  EXPECT_EQ(log.items(R"({"type":"TEXT_MESSAGE_START","messageId":"m"}
{"type":"TEXT_MESSAGE_START","messageId":"n","subagentRunId":"s"}
{"type":"SUBAGENT_STARTED","subagentRunId":"s","name":"a"}
{"type":"SUBAGENT_FINISHED","subagentRunId":"s"}
)"),
            "ok");
  const std::vector<std::pair<std::string, std::string>> refused{
      {R"({"type":"TEXT_MESSAGE_START","messageId":"m"})", "the message \"m\" is open already"},
      {R"({"type":"TEXT_MESSAGE_CONTENT","messageId":"x","delta":"a"})", "there is no open message \"x\""},
      {R"({"type":"TEXT_MESSAGE_CONTENT","messageId":"m"})", "delta is required"},
      {R"({"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"a","subagentRunId":"s"})",
       "the message \"m\" belongs to another subagentRunId"},
      {R"({"type":"TEXT_MESSAGE_START","messageId":"o","role":"wizard"})",
       "role must be one of developer, system, assistant, user"},
      {R"({"type":"TOOL_CALL_ARGS","toolCallId":"c","delta":""})", "there is no open tool call \"c\""},
      {R"({"type":"TOOL_CALL_START","toolCallId":"c","toolCallName":"t","parentMessageId":"m","subagentRunId":"s"})",
       "the tool call \"c\" belongs to another subagentRunId"},
      {R"({"type":"STEP_FINISHED","stepName":"a"})", "there is no open step \"a\" of that subagentRunId"},
      {R"({"type":"SUBAGENT_STARTED","subagentRunId":"s","name":"a"})", "there was a subagent \"s\" before"},
      {R"({"type":"SUBAGENT_STARTED","subagentRunId":"u","name":"a","parentSubagentRunId":"v"})",
       "there was no subagent \"v\""},
      {R"({"type":"SUBAGENT_FINISHED","subagentRunId":"s"})", "there is no open subagent \"s\""},
      {R"({"type":"REASONING_MESSAGE_START","messageId":"r"})", "role is required"},
      {R"({"type":"TEXT_MESSAGE_CHUNK","delta":"a"})", "the first chunk needs its id"},
      {R"({"type":"TOOL_CALL_CHUNK","toolCallId":"c"})", "the first chunk of a tool call needs toolCallName"},
      {R"({"type":"CUSTOM","name":"a","value":1,"timestamp":1.5})", "timestamp must be an integer"},
      {R"({"type":"STATE_DELTA","delta":[{"op":"add","path":"a","value":1}]})",
       "delta[0].path must be a JSON pointer"},
      {R"({"type":"MESSAGES_SNAPSHOT","messages":[{"role":"user","content":"a"}]})",
       "messages[0].id is required"},
      {R"({"type":"TEXT_MESSAGE_START","messageId":"c1:text-1"})",
       "ids that begin with the run's id and :text- are the gateway's own"},
      {R"({"type":"THINKING_START"})", "type must be that of an event of AG-UI 1.0"},
  };
  const std::string before = log.log();
  for (const auto& [item, why] : refused) {
    const std::string answer = log.items(item + "\n");
    EXPECT_TRUE(answer.ends_with(": " + why)) << item << "\n" << answer;
  }
  EXPECT_EQ(log.log(), before);
}

TEST(AgUiFraming, KnowsWhatChunkEventsBeginAndEnd) {
  FramedLog log = ag_ui();
  EXPECT_EQ(log.items(R"({"type":"TEXT_MESSAGE_CHUNK","messageId":"m","delta":"a"}
{"type":"TEXT_MESSAGE_CHUNK","delta":"b"}
{"type":"RAW","event":{}}
{"type":"TEXT_MESSAGE_CHUNK","role":"assistant","delta":"c"}
)"),
            "ok");
  EXPECT_NE(log.items("{\"type\":\"TEXT_MESSAGE_CHUNK\",\"role\":\"user\"}\n"), "ok");
  EXPECT_NE(log.items("{\"type\":\"TEXT_MESSAGE_CONTENT\",\"messageId\":\"m\",\"delta\":\"\"}\n"), "ok")
      << "it has ended the message";
  EXPECT_EQ(log.items("{\"type\":\"CUSTOM\",\"name\":\"a\",\"value\":null}\n"), "ok");
  EXPECT_NE(log.items("{\"type\":\"TEXT_MESSAGE_CHUNK\",\"delta\":\"b\"}\n"), "ok");
  EXPECT_EQ(log.items(R"({"type":"TOOL_CALL_CHUNK","toolCallId":"c","toolCallName":"t","subagentRunId":"s"}
{"type":"TOOL_CALL_CHUNK","toolCallId":"d","toolCallName":"t"}
{"type":"TOOL_CALL_CHUNK","delta":"{}"}
)"),
            "ok");
  EXPECT_NE(log.items("{\"type\":\"TOOL_CALL_CHUNK\",\"toolCallId\":\"c\",\"subagentRunId\":\"u\"}\n"), "ok");
}

TEST(AgUiFraming, BoundsWhatIsOpen) {
  FramedLog log = ag_ui();
  std::string lines;
  for (int i = 0; i < 400; ++i)
    lines += "{\"type\":\"STEP_STARTED\",\"stepName\":\"a-step-of-some-length-" + std::to_string(i) + "\"}\n";
  EXPECT_EQ(log.items(lines), "items: too much is open at one time");
}

// Each type that the protocols have is taken, one after the other.
TEST(RunFraming, TakesEveryTypeOfItem) {
  FramedLog chunks = ai_sdk(), events = ag_ui();
  EXPECT_EQ(chunks.items(R"({"type":"start","messageId":"x"}
{"type":"start-step"}
{"type":"text-start","id":"0"}
{"type":"text-delta","id":"0","delta":"a","providerMetadata":{"p":{"k":1}}}
{"type":"text-end","id":"0","citations":[{"source":{"type":"source","sourceType":"url","id":"1","url":"u"},"startIndex":0}]}
{"type":"reasoning-start","id":"0"}
{"type":"reasoning-delta","id":"0","delta":"a"}
{"type":"reasoning-end","id":"0"}
{"type":"reasoning-file","url":"u","mediaType":"m"}
{"type":"tool-input-start","toolCallId":"c","toolName":"t","inputEncoding":"json","dynamic":true}
{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"{}"}
{"type":"tool-input-available","toolCallId":"c","toolName":"t","input":{}}
{"type":"tool-input-error","toolCallId":"d","toolName":"t","input":null,"errorText":"e"}
{"type":"tool-approval-request","approvalId":"a","toolCallId":"c"}
{"type":"tool-approval-response","approvalId":"a","approved":true}
{"type":"tool-output-available","toolCallId":"c","output":null,"preliminary":true}
{"type":"tool-output-error","toolCallId":"c","errorText":"e"}
{"type":"tool-output-denied","toolCallId":"c"}
{"type":"source-url","sourceId":"s","url":"u"}
{"type":"source-document","sourceId":"s","mediaType":"m","title":"t"}
{"type":"file","url":"u","mediaType":"m"}
{"type":"custom","kind":"a.b"}
{"type":"steering-message","id":"s","parts":[{"type":"text","text":"a"}]}
{"type":"data-chart","id":"1","data":[1],"transient":true}
{"type":"message-metadata","messageMetadata":{}}
{"type":"error","errorText":"e"}
{"type":"finish-step"}
{"type":"reset-step"}
{"type":"abort"}
{"type":"finish"}
)"),
            "ok");
  EXPECT_EQ(events.items(R"({"type":"RUN_STARTED","threadId":"x","runId":"y"}
{"type":"STEP_STARTED","stepName":"s","timestamp":1700000000000,"metadata":{}}
{"type":"TEXT_MESSAGE_START","messageId":"m","role":"assistant","name":"n"}
{"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"a"}
{"type":"TEXT_MESSAGE_END","messageId":"m"}
{"type":"TEXT_MESSAGE_CHUNK","messageId":"k","delta":"a"}
{"type":"TOOL_CALL_START","toolCallId":"c","toolCallName":"t","parentMessageId":"m"}
{"type":"TOOL_CALL_ARGS","toolCallId":"c","delta":"{}"}
{"type":"TOOL_CALL_END","toolCallId":"c"}
{"type":"TOOL_CALL_RESULT","messageId":"r","toolCallId":"c","content":[{"type":"text","text":"a"}],"role":"tool"}
{"type":"TOOL_CALL_CHUNK","toolCallId":"d","toolCallName":"t"}
{"type":"STATE_SNAPSHOT","snapshot":{}}
{"type":"STATE_DELTA","delta":[{"op":"move","from":"/a","path":"/b~0~1"}]}
{"type":"MESSAGES_SNAPSHOT","messages":[{"id":"1","role":"assistant","toolCalls":[{"id":"c","type":"function","function":{"name":"t","arguments":""}}]}]}
{"type":"ACTIVITY_SNAPSHOT","messageId":"a","activityType":"plan","content":{}}
{"type":"ACTIVITY_DELTA","messageId":"a","activityType":"plan","patch":[]}
{"type":"REASONING_START","messageId":"q"}
{"type":"REASONING_MESSAGE_START","messageId":"q","role":"reasoning"}
{"type":"REASONING_MESSAGE_CONTENT","messageId":"q","delta":"a"}
{"type":"REASONING_MESSAGE_END","messageId":"q"}
{"type":"REASONING_MESSAGE_CHUNK","messageId":"p","delta":"a"}
{"type":"REASONING_END","messageId":"q"}
{"type":"REASONING_ENCRYPTED_VALUE","subtype":"message","entityId":"q","encryptedValue":"v"}
{"type":"SUBAGENT_STARTED","subagentRunId":"s","name":"n"}
{"type":"SUBAGENT_FINISHED","subagentRunId":"s","outcome":{"type":"success"}}
{"type":"SUBAGENT_STARTED","subagentRunId":"u","name":"n","parentSubagentRunId":"s"}
{"type":"SUBAGENT_ERROR","subagentRunId":"u","message":"e"}
{"type":"RAW","event":null,"source":"s"}
{"type":"CUSTOM","name":"n","value":null}
{"type":"STEP_FINISHED","stepName":"s"}
{"type":"RUN_FINISHED","threadId":"x","runId":"y","usage":[{"inputTokens":1}]}
{"type":"RUN_ERROR","message":"e"}
)"),
            "ok");
  EXPECT_EQ(chunks.types().find("finish "), std::string::npos);
}

TEST(RunFraming, KeepsRoomForItsEnd) {
  FramedLog log = ag_ui();
  RunFraming framing(FramedProtocol::ag_ui);
  framing.fold(log.log());
  const size_t empty = framing.room();
  ASSERT_TRUE(framing.text("a"));
  EXPECT_GT(framing.room(), empty);
  RunFraming ended = framing;
  EXPECT_LE(ended.end({How::failed, "agent_lost", std::string(500, 'a')}).size(), framing.room());
}

}  // namespace
}  // namespace gw::protocol
