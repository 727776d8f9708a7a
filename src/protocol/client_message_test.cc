#include "protocol/client_message.h"

#include <gtest/gtest.h>

#include "json/json.h"

namespace gw::protocol {
namespace {

std::string id_note(const std::optional<MessageId>& id) {
  return id ? " id=" + std::string(id->raw) + " key=" + std::string(id->key) : "";
}

// What was understood, on one line: a test is then a list of "sent -> understood".
struct Describe {
  std::string operator()(const ToChannel& m) const {
    std::string line = std::string(to_string(m.intent)) + " to " + std::string(m.channel);
    if (!m.payload.empty()) line += " payload=" + std::string(m.payload);
    if (m.trace) append_traceparent(line += " traceparent=", *m.trace);
    if (m.run) line += " run=" + std::string(m.run->format) + " " + std::string(m.run->thread_id);
    return line + id_note(m.id);
  }
  std::string operator()(const Subscribe& m) const {
    return "subscribe " + std::string(m.channel) + id_note(m.id);
  }
  std::string operator()(const Unsubscribe& m) const {
    return "unsubscribe " + std::string(m.channel) + id_note(m.id);
  }
  std::string operator()(const Presence& m) const {
    const std::string watch = !m.watch ? "" : *m.watch ? " watch" : " no watch";
    return "presence " + std::string(m.channel) + watch + id_note(m.id);
  }
  std::string operator()(const Authenticate& m) const {
    return "authenticate " + std::string(m.session_token) + id_note(m.id);
  }
  std::string operator()(const Attach& m) const {
    return "attach " + std::string(m.run_id) + std::string(m.thread_id) +
           " cursor=" + std::string(m.cursor.value_or("none")) +
           " coalesce=" + std::to_string(m.coalesce_ms) + id_note(m.id);
  }
  std::string operator()(const Detach& m) const { return "detach " + std::string(m.run_id) + id_note(m.id); }
  std::string operator()(const Cancel& m) const {
    return "cancel " + std::string(m.run_id) + " reason=" + std::string(m.reason) + id_note(m.id);
  }
  std::string operator()(const Ping&) const { return "ping"; }
  std::string operator()(const Heartbeat&) const { return "heartbeat"; }
  std::string operator()(const Pong&) const { return "pong"; }
};

std::string understood(std::string_view text) {
  std::string scratch = "left over from the message before";
  const DecodeResult result = decode(text, scratch);
  if (result) return std::visit(Describe{}, *result);
  const ClientError& error = result.error();
  return std::string(to_string(error.code)) + ": " + error.message + id_note(error.id);
}

std::string repeated(std::string_view piece, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out.append(piece);
  return out;
}

TEST(DecodeMessage, TheWholeForm) {
  EXPECT_EQ(
      understood(R"({"channel":"pillar:content","intent":"query","payload":{"message":"hi"},"id":"m1"})"),
      R"(query to pillar:content payload={"message":"hi"} id="m1" key="m1")");
}

TEST(DecodeMessage, AsksForARun) {
  EXPECT_EQ(understood(R"({"payload":{},"id":1,"run":{}})"), "chat to guide payload={} run=text  id=1 key=1");
  EXPECT_EQ(understood(R"({"payload":{},"id":1,"run":{"thread_id":"c\u0031","format":"json"}})"),
            "chat to guide payload={} run=json c1 id=1 key=1");
}

TEST(DecodeMessage, RefusesAskingForARunInAnyOtherWay) {
  const auto wrong = [](std::string_view rest, std::string_view why) {
    EXPECT_EQ(
        understood(std::string(R"({"payload":{},)") + std::string(rest) + "}"),
        "invalid_message: " + std::string(why) + (rest.find("id\":1") == rest.npos ? "" : " id=1 key=1"))
        << rest;
  };
  wrong(R"("run":{})", "run needs an id");
  wrong(R"("id":1,"run":true)", "run must be an object");
  wrong(R"("id":1,"run":{"thread":"c"})", "run may have thread_id and format only");
  wrong(R"("id":1,"run":{"format":"ai-sdk"})", "run.format must be text or json");
  wrong(R"("id":1,"run":{"thread_id":7})", "run.thread_id must be a string");
  wrong(R"("id":1,"run":{"thread_id":""})", "run.thread_id must not be empty");
  EXPECT_EQ(understood(R"({"agent_type":"guide","message":"hi","id":1,"run":{}})"),
            "invalid_message: run: not in this form of a message id=1 key=1");
}

TEST(DecodeMessage, Attach) {
  EXPECT_EQ(understood(R"({"type":"attach","run_id":"r","cursor":"1.2.3","coalesce_ms":1000,"id":"a"})"),
            R"(attach r cursor=1.2.3 coalesce=1000 id="a" key="a")");
  EXPECT_EQ(understood(R"({"type":"attach","thread_id":"c1"})"), "attach c1 cursor=none coalesce=0");
  for (const char* rest : {"", R"(,"run_id":"r","thread_id":"c")"}) {
    EXPECT_EQ(understood(std::string(R"({"type":"attach")") + rest + "}"),
              "invalid_message: attach needs either run_id or thread_id");
  }
  EXPECT_EQ(understood(R"({"type":"attach","run_id":"r","cursor":7})"),
            "invalid_message: cursor must be a string");
  for (const char* ms : {"-1", "1001", "1.5", "\"5\""}) {
    EXPECT_EQ(understood(std::string(R"({"type":"attach","run_id":"r","coalesce_ms":)") + ms + "}"),
              "invalid_message: coalesce_ms must be 0 to 1000");
  }
}

TEST(DecodeMessage, Presence) {
  EXPECT_EQ(understood(R"({"type":"presence","channel":"guide","id":1})"), "presence guide id=1 key=1");
  EXPECT_EQ(understood(R"({"type":"presence","channel":"guide","watch":true})"), "presence guide watch");
  EXPECT_EQ(understood(R"({"type":"presence","channel":"guide","watch":false})"), "presence guide no watch");
  EXPECT_EQ(understood(R"({"type":"presence","channel":"guide","watch":"yes","id":1})"),
            "invalid_message: watch must be true or false id=1 key=1");
  EXPECT_EQ(understood(R"({"type":"presence","watch":true})"), "invalid_message: channel must be a string");
}

TEST(DecodeMessage, DetachAndCancel) {
  EXPECT_EQ(understood(R"({"type":"detach","run_id":"r","id":1})"), "detach r id=1 key=1");
  EXPECT_EQ(understood(R"({"type":"cancel","run_id":"r","reason":"stop"})"), "cancel r reason=stop");
  EXPECT_EQ(understood(R"({"type":"cancel"})"), "invalid_message: run_id must be a string");
  EXPECT_EQ(understood(R"({"type":"cancel","run_id":"r","reason":1})"),
            "invalid_message: reason must be a string");
  EXPECT_EQ(understood(R"({"type":"cancel","run_id":"r","reason":")" + repeated("é", 257) + "\"}"),
            "invalid_message: reason must have at most 256 characters");
}

TEST(DecodeMessage, WhatIsMissingHasADefault) {
  EXPECT_EQ(understood(R"({"payload":{}})"), "chat to guide payload={}");
  EXPECT_EQ(understood(R"({"channel":"x","payload":{}})"), "chat to x payload={}");
  EXPECT_EQ(understood(R"({"intent":"command","payload":{}})"), "command to guide payload={}");
}

TEST(DecodeMessage, ThePayloadIsNotTouched) {
  EXPECT_EQ(understood(R"( {"payload" : { "a":1e400, "a" : [1,{}],"\u0061":"\ud83d\ude00\/" } } )"),
            R"(chat to guide payload={ "a":1e400, "a" : [1,{}],"\u0061":"\ud83d\ude00\/" })");
}

TEST(DecodeMessage, AnUnknownMemberIsTheAgentsBusiness) {
  EXPECT_EQ(understood(R"({"x":[1],"payload":{},"user_id":"root","message":5})"), "chat to guide payload={}");
}

TEST(DecodeMessage, OfDuplicatesTheLastCounts) {
  EXPECT_EQ(
      understood(R"({"payload":1,"channel":"a","payload":{"n":1},"ch\u0061nnel":"b","payload":{"n":2}})"),
      R"(chat to b payload={"n":2})");
}

TEST(DecodeMessage, EscapesInNamesAreNames) {
  EXPECT_EQ(understood(R"({"channel":"gu\u0069de","int\u0065nt":"ch\u0061t","payload":{}})"),
            "chat to guide payload={}");
  EXPECT_EQ(understood(R"({"\u0069d":"\u0041","channel":"\u0062","payload":{}})"),
            R"(chat to b payload={} id="\u0041" key="A")");
}

TEST(DecodeMessage, WhetherTheChannelExistsIsNotSaidHere) {
  EXPECT_EQ(understood(R"({"channel":"","payload":{}})"), "chat to  payload={}");
  EXPECT_EQ(understood(R"({"channel":"No Such\nOne","payload":{}})"), "chat to No Such\nOne payload={}");
}

TEST(DecodeMessage, NamesTheFieldAtFault) {
  EXPECT_EQ(understood("{}"), "invalid_message: payload must be an object");
  for (const char* payload : {"null", "1", "\"{}\"", "[{}]", "true"}) {
    EXPECT_EQ(understood("{\"payload\":" + std::string(payload) + "}"),
              "invalid_message: payload must be an object");
  }
  EXPECT_EQ(understood(R"({"message":"hi"})"), "invalid_message: payload must be an object");
  for (const char* channel : {"null", "1", "[\"guide\"]", "{}", "false"}) {
    EXPECT_EQ(understood("{\"payload\":{},\"channel\":" + std::string(channel) + "}"),
              "invalid_message: channel must be a string");
  }
  for (const char* intent : {"\"shout\"", "\"Chat\"", "\"\"", "\"chat \"", "null", "1", "{}"}) {
    EXPECT_EQ(understood("{\"payload\":{},\"intent\":" + std::string(intent) + "}"),
              "invalid_message: intent must be chat, query or command");
  }
}

TEST(DecodeMessage, TheTopLevelMustBeAnObject) {
  for (const char* text : {"[]", "[{}]", "1", "\"guide\"", "true", "null", " 1e400 ", "-0"}) {
    EXPECT_EQ(understood(text), "invalid_message: the top level must be an object") << text;
  }
}

TEST(DecodeMessage, WhatIsNotJsonHasOneAnswer) {
  for (const char* text : {"",
                           " ",
                           "hello",
                           "{",
                           "{\"payload\":{}",
                           "{\"payload\":{}}x",
                           "{'payload':{}}",
                           "{\"payload\":{},}",
                           "{\"payload\":{\"a\":01}}",
                           "{\"payload\":{\"a\":NaN}}",
                           "{\"payload\":{\"a\":\"\\ud800\"}}",
                           "{\"payload\":{\"a\":\"\\udc00\\ud800\"}}",
                           "{\"payload\":{\"a\":\"\n\"}}",
                           "{\"payload\":{\"a\":\"\\x\"}}",
                           "\xef\xbb\xbf{\"payload\":{}}",
                           "{}{}",
                           "[1",
                           "nul",
                           "{\"type\":\"ping\"",
                           "//{}"}) {
    EXPECT_EQ(understood(text), "invalid_json: Invalid message format") << text;
  }
  EXPECT_EQ(understood(std::string_view("{\"payload\":{}}\0", 15)), "invalid_json: Invalid message format");
  EXPECT_EQ(understood(repeated("[", 60'000)), "invalid_json: Invalid message format");
}

TEST(DecodeMessage, TooDeepIsAFaultOfTheMessageNotOfTheJson) {
  const std::string deep = repeated("[", json::kDepthMax) + repeated("]", json::kDepthMax);
  EXPECT_EQ(understood("{\"payload\":{\"a\":" + deep + "}}"),
            "invalid_message: the message is nested deeper than 512 levels");
}

TEST(DecodeId, KeepsTheSpellingAndHasOneKey) {
  const auto id = [](const std::string& json) {
    return understood(R"({"type":"subscribe","channel":"c","id":)" + json + "}");
  };
  EXPECT_EQ(id(R"("1")"), R"(subscribe c id="1" key="1")");
  EXPECT_EQ(id("1"), "subscribe c id=1 key=1");
  EXPECT_EQ(id(R"("\u0031")"), R"(subscribe c id="\u0031" key="1")");
  EXPECT_EQ(id(R"("a\/b")"), R"(subscribe c id="a\/b" key="a/b")");
  EXPECT_EQ(id(R"("\u0022\u005C\u000a\u0001")"),
            R"(subscribe c id="\u0022\u005C\u000a\u0001" key="\"\\\n\u0001")");
  EXPECT_EQ(id(R"("\"\\\n\u0001")"), R"(subscribe c id="\"\\\n\u0001" key="\"\\\n\u0001")");
  EXPECT_EQ(id("0"), "subscribe c id=0 key=0");
  EXPECT_EQ(id("-0"), "subscribe c id=-0 key=0");
  EXPECT_EQ(id("-7"), "subscribe c id=-7 key=-7");
  EXPECT_EQ(id("9223372036854775807"), "subscribe c id=9223372036854775807 key=9223372036854775807");
  EXPECT_EQ(id("-9223372036854775808"), "subscribe c id=-9223372036854775808 key=-9223372036854775808");
}

TEST(DecodeId, CountsCharactersNotBytes) {
  const auto with_id = [](const std::string& text) {
    return understood(R"({"payload":{},"id":")" + text + "\"}");
  };
  const std::string bad =
      "invalid_message: id must be a string of at most 64 characters or an integer of at most 64 digits";
  for (const char* character :
       {"x", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\\u00e9", "\\n", "\\ud83d\\ude00"}) {
    EXPECT_NE(with_id(repeated(character, 64)), bad) << character;
    EXPECT_EQ(with_id(repeated(character, 65)), bad) << character;
  }
}

TEST(DecodeId, TakesIntegersOfAnyWidthAndTheEmptyString) {
  EXPECT_EQ(understood(R"({"payload":{},"id":12345678901234567890123})"),
            "chat to guide payload={} id=12345678901234567890123 key=12345678901234567890123");
  EXPECT_EQ(understood(R"({"payload":{},"id":""})"), "chat to guide payload={} id=\"\" key=\"\"");
}

TEST(DecodeId, RefusesWhatIsNeitherStringNorInteger) {
  for (const char* id : {"1.0", "1e2", "-0.0", "null", "true", "{}", "[1]", "1e400",
                         "12345678901234567890123456789012345678901234567890123456789012345"}) {
    for (const char* rest :
         {R"("payload":{})", R"("type":"subscribe","channel":"c")",
          R"("type":"authenticate","session_token":"t")", R"("agent_type":"guide","message":"m")"}) {
      EXPECT_EQ(
          understood("{\"id\":" + std::string(id) + "," + rest + "}"),
          "invalid_message: id must be a string of at most 64 characters or an integer of at most 64 digits")
          << id << rest;
    }
  }
}

TEST(DecodeId, IsToldWithTheErrorWhenItIsKnown) {
  EXPECT_EQ(understood(R"({"id":"m1"})"), R"(invalid_message: payload must be an object id="m1" key="m1")");
  EXPECT_EQ(understood(R"({"payload":{},"intent":"x","id":7})"),
            "invalid_message: intent must be chat, query or command id=7 key=7");
  EXPECT_EQ(understood(R"({"type":"subscribe","id":7})"),
            "invalid_message: channel must be a string id=7 key=7");
  EXPECT_EQ(understood(R"({"id":"m1")"), "invalid_json: Invalid message format");
}

TEST(DecodeTraceparent, IsTakenWhenValidAndElseIgnored) {
  const std::string valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  EXPECT_EQ(understood(R"({"payload":{},"traceparent":")" + valid + "\"}"),
            "chat to guide payload={} traceparent=" + valid);
  for (const char* bad : {R"("")", R"("00-x")", "1", "null", "{}",
                          R"("00-00000000000000000000000000000000-b7ad6b7169203331-01")",
                          R"("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")"}) {
    EXPECT_EQ(understood(R"({"payload":{},"traceparent":)" + std::string(bad) + "}"),
              "chat to guide payload={}");
  }
}

TEST(DecodeOlderForm, IsReadAsAChannel) {
  EXPECT_EQ(understood(R"({"agent_type":"guide","message":"hi"})"), "chat to guide");
  EXPECT_EQ(understood(R"({"agent_type":"guide","pillar":"content","message":"hi"})"), "chat to guide");
  EXPECT_EQ(understood(R"({"agent_type":"guide","pillar":null,"message":"hi"})"), "chat to guide");
  EXPECT_EQ(understood(R"({"agent_type":"liaison","pillar":"content","message":"hi"})"),
            "chat to pillar:content");
  EXPECT_EQ(understood(R"({"agent_type":"liaison","pillar":"business_outcomes","message":"","id":3})"),
            "chat to pillar:business_outcomes id=3 key=3");
  EXPECT_EQ(
      understood(R"({"agent_type":"li\u0061ison","pillar":"c\u006fntent","message":"hi","intent":"query"})"),
      "query to pillar:content");
  EXPECT_EQ(understood(R"({"agent_type":"liaison","pillar":"content","payload":{"a":1}})"),
            R"(chat to pillar:content payload={"a":1})");
}

TEST(DecodeOlderForm, NamesTheFieldAtFault) {
  EXPECT_EQ(understood(R"({"agent_type":"guide"})"), "invalid_message: message must be a string");
  EXPECT_EQ(understood(R"({"agent_type":"guide","message":{"a":1}})"),
            "invalid_message: message must be a string");
  EXPECT_EQ(understood(R"({"agent_type":"guide","payload":"x","message":"hi"})"),
            "invalid_message: payload must be an object");
  EXPECT_EQ(understood(R"({"agent_type":"liaison","message":"hi"})"),
            "invalid_message: pillar must be a string");
  EXPECT_EQ(understood(R"({"agent_type":"liaison","pillar":null,"message":"hi"})"),
            "invalid_message: pillar must be a string");
  for (const char* agent : {"\"other\"", "\"\"", "null", "1"}) {
    EXPECT_EQ(understood("{\"message\":\"hi\",\"agent_type\":" + std::string(agent) + "}"),
              "invalid_message: agent_type must be guide or liaison");
  }
  EXPECT_EQ(understood(R"({"agent_type":"guide","message":"hi","intent":"x","id":1})"),
            "invalid_message: intent must be chat, query or command id=1 key=1");
}

TEST(DecodeOlderForm, AChannelDecidesWhenThereIsOne) {
  EXPECT_EQ(understood(R"({"channel":"guide","agent_type":"liaison","pillar":"content","payload":{}})"),
            "chat to guide payload={}");
  EXPECT_EQ(understood(R"({"channel":"guide","agent_type":"liaison","pillar":"content","message":"hi"})"),
            "invalid_message: payload must be an object");
}

TEST(DecodeControl, SignsOfLifeWhateverElseTheyHold) {
  EXPECT_EQ(understood(R"({"type":"ping"})"), "ping");
  EXPECT_EQ(understood(R"({"type":"pong","timestamp":1})"), "pong");
  EXPECT_EQ(understood(R"({"type":"heartbeat","action":"ping","id":{},"channel":5})"), "heartbeat");
  EXPECT_EQ(understood(R"({"payload":{},"type":"ping","channel":"guide"})"), "ping");
  EXPECT_EQ(understood(R"({"type":"p\u0069ng"})"), "ping");
}

TEST(DecodeControl, Subscriptions) {
  EXPECT_EQ(understood(R"({"type":"subscribe","channel":"pillar:content"})"), "subscribe pillar:content");
  EXPECT_EQ(understood(R"({"type":"unsubscribe","channel":"gu\u0069de"})"), "unsubscribe guide");
  for (const char* type : {"subscribe", "unsubscribe"}) {
    const std::string start = "{\"type\":\"" + std::string(type) + "\"";
    EXPECT_EQ(understood(start + "}"), "invalid_message: channel must be a string");
    EXPECT_EQ(understood(start + ",\"channel\":null}"), "invalid_message: channel must be a string");
    EXPECT_EQ(understood(start + ",\"channel\":[\"guide\"]}"), "invalid_message: channel must be a string");
  }
}

TEST(DecodeControl, Authenticate) {
  EXPECT_EQ(understood(R"({"type":"authenticate","session_token":"s+1/=\u0041"})"), "authenticate s+1/=A");
  EXPECT_EQ(understood(R"({"type":"authenticate"})"), "invalid_message: session_token must be a string");
  EXPECT_EQ(understood(R"({"type":"authenticate","session_token":7,"token":"x","id":1})"),
            "invalid_message: session_token must be a string id=1 key=1");
}

TEST(DecodeControl, ATypeThatClientsDoNotSendIsAnError) {
  for (const char* type :
       {"\"message\"", "\"welcome\"", "\"ack\"", "\"\"", "\"PING\"", "\"ping \"", "null", "1", "{}"}) {
    EXPECT_EQ(understood("{\"payload\":{},\"id\":\"m\",\"type\":" + std::string(type) + "}"),
              "invalid_message: type must be subscribe, unsubscribe, presence, authenticate, attach, detach, "
              "cancel, "
              "ping, pong or heartbeat, or absent "
              "id=\"m\" key=\"m\"");
  }
}

// Whatever had to be unescaped is kept side by side in scratch; the views must not move while it fills.
TEST(DecodeScratch, ViewsStayWhenEveryFieldIsEscaped) {
  const std::string text =
      R"({"agent_type":"liais\u006fn","pillar":"c\u006fntent_with_a_name_too_long_for_a_small_string",)"
      R"("message":"hi","intent":"qu\u0065ry","id":"\u0061\u0062\u0063 and long enough as well, so that it is kept",)"
      R"("traceparent":"\u00300-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})";
  EXPECT_EQ(understood(text),
            "query to pillar:content_with_a_name_too_long_for_a_small_string"
            " traceparent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            R"( id="\u0061\u0062\u0063 and long enough as well, so that it is kept")"
            R"( key="abc and long enough as well, so that it is kept")");
}

TEST(DecodeScratch, ViewsPointIntoTheTextWhereTheyCan) {
  const std::string text = R"({"channel":"guide","payload":{"a":1},"id":"m1"})";
  std::string scratch;
  const DecodeResult result = decode(text, scratch);
  const ToChannel& message = std::get<ToChannel>(*result);
  EXPECT_EQ(message.channel.data(), text.data() + text.find("guide"));
  EXPECT_EQ(message.payload.data(), text.data() + text.find("{\"a\""));
  EXPECT_EQ(message.id->raw.data(), text.data() + text.find("\"m1\""));
  EXPECT_TRUE(scratch.empty());
}

}  // namespace
}  // namespace gw::protocol
