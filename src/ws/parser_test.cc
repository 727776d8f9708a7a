// Conformance of the frame parser, by section of RFC 6455.
#include "ws/parser.h"

#include <gtest/gtest.h>

#include "ws/frames_testing.h"
#include "ws/transcript.h"

namespace gw::ws {
namespace {

Transcript heard(std::string_view conversation, const ParserOptions& options = {}) {
  Listener listener(options);
  listener.hear(conversation);
  return listener.transcript();
}

Transcript heard_by_client(std::string_view conversation) {
  return heard(conversation, {.role = Role::client});
}

using Said = Transcript;

// 5.7, the examples.
TEST(Parser, ExamplesOfTheRfc) {
  EXPECT_EQ(heard_by_client(bytes("810548656c6c6f")), Said{R"(message "Hello")"});
  EXPECT_EQ(heard(bytes("818537fa213d7f9f4d5158")), Said{R"(message "Hello")"});
  EXPECT_EQ(heard_by_client(bytes("010348656c80026c6f")), Said{R"(message "Hello")"});
  EXPECT_EQ(heard_by_client(bytes("890548656c6c6f")), Said{R"(ping "Hello")"});
  EXPECT_EQ(heard(bytes("8a8537fa213d7f9f4d5158")), Said{R"(pong "Hello")"});
}

// 5.1: a client masks, a server does not.
TEST(Parser, MaskingFollowsTheRole) {
  EXPECT_EQ(heard(bytes("810548656c6c6f")), Said{R"(error 1002 "client frame not masked")"});
  EXPECT_EQ(heard(bytes("8900")), Said{R"(error 1002 "client frame not masked")"});
  EXPECT_EQ(heard_by_client(bytes("818537fa213d7f9f4d5158")), Said{R"(error 1002 "server frame masked")"});
}

// 5.2: the lengths around each change of form, and their masking at every alignment of the payload.
TEST(Parser, LengthsOfEveryForm) {
  for (const size_t size : {0u, 1u, 2u, 3u, 4u, 7u, 8u, 9u, 125u, 126u, 127u, 65535u, 65536u}) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
    EXPECT_EQ(heard(sent_text(text)), Said{"message \"" + text + '"'}) << size;
  }
}

TEST(Parser, PayloadsAtEveryAlignment) {
  for (size_t size = 0; size < 24; ++size) {
    const std::string text(size, 'x');
    const std::string said = "message \"" + text + '"';
    EXPECT_EQ(heard(sent_text(text) + sent_text(text) + sent_text(text)), (Said{said, said, said})) << size;
  }
}

// 5.2: reserved bits without an extension that uses them.
TEST(Parser, ReservedBits) {
  for (const char* frame : {"c18000000000", "a18000000000", "918000000000", "c98000000000", "f18000000000"}) {
    EXPECT_EQ(heard(bytes(frame)), Said{R"(error 1002 "reserved bit set")"}) << frame;
  }
  for (const char* frame : {"a18000000000", "918000000000"}) {
    EXPECT_EQ(heard(bytes(frame), {.deflate = true}), Said{R"(error 1002 "reserved bit set")"}) << frame;
  }
}

TEST(Parser, ReservedOpcodes) {
  for (const char* first : {"83", "84", "85", "86", "87", "8b", "8c", "8d", "8e", "8f", "03", "0b"}) {
    EXPECT_EQ(heard(bytes(first)), Said{R"(error 1002 "reserved opcode")"}) << first;
  }
}

// 5.2: "the minimal number of bytes MUST be used to encode the length", and the top bit is 0.
TEST(Parser, LengthsInALongerForm) {
  for (const char* frame :
       {"81fe007d", "81fe0000", "81ff000000000000ffff", "81ff000000000000007d", "81ff0000000000000000"}) {
    EXPECT_EQ(heard(bytes(frame)), Said{R"(error 1002 "payload length not in its shortest form")"}) << frame;
  }
  EXPECT_EQ(heard(bytes("81ff8000000000000000")),
            Said{R"(error 1002 "payload length with its top bit set")"});
  EXPECT_EQ(heard(bytes("81ffffffffffffffffff")),
            Said{R"(error 1002 "payload length with its top bit set")"});
}

// 5.4: fragmentation.
TEST(Parser, FragmentsMakeOneMessage) {
  EXPECT_EQ(heard(sent(Opcode::text, "a", kMore) + sent(Opcode::continuation, "b", kMore) +
                  sent(Opcode::continuation, "c") + sent_text("next")),
            (Said{R"(message "abc")", R"(message "next")"}));
}

TEST(Parser, FragmentsMayBeEmpty) {
  EXPECT_EQ(heard(sent(Opcode::text, "", kMore) + sent(Opcode::continuation, "", kMore) +
                  sent(Opcode::continuation, "")),
            Said{R"(message "")"});
  EXPECT_EQ(heard(sent(Opcode::text, "", kMore) + sent(Opcode::continuation, "ab")), Said{R"(message "ab")"});
  EXPECT_EQ(heard(sent(Opcode::text, "ab", kMore) + sent(Opcode::continuation, "")), Said{R"(message "ab")"});
}

TEST(Parser, ControlFramesMayStandBetweenFragments) {
  EXPECT_EQ(heard(sent(Opcode::text, "a", kMore) + sent(Opcode::ping, "p") +
                  sent(Opcode::continuation, "b", kMore) + sent(Opcode::pong, "") +
                  sent(Opcode::continuation, "c")),
            (Said{R"(ping "p")", R"(pong "")", R"(message "abc")"}));
}

TEST(Parser, ACloseMayStandBetweenFragments) {
  EXPECT_EQ(heard(sent(Opcode::text, "a", kMore) + sent_close(1001, "") + sent(Opcode::continuation, "b")),
            Said{R"(close 1001 "")"});
}

TEST(Parser, FragmentsOutOfOrder) {
  EXPECT_EQ(heard(sent(Opcode::continuation, "a")), Said{R"(error 1002 "continuation without a message")"});
  EXPECT_EQ(heard(sent_text("a") + sent(Opcode::continuation, "b")),
            (Said{R"(message "a")", R"(error 1002 "continuation without a message")"}));
  EXPECT_EQ(heard(sent(Opcode::text, "a", kMore) + sent_text("b")),
            Said{R"(error 1002 "new message inside a fragmented one")"});
  EXPECT_EQ(heard(sent(Opcode::text, "a", kMore) + sent(Opcode::binary, "b")),
            Said{R"(error 1002 "new message inside a fragmented one")"});
}

// 5.5: control frames have at most 125 bytes and are whole.
TEST(Parser, ControlFramesAreShortAndWhole) {
  const std::string most(125, 'p');
  EXPECT_EQ(heard(sent(Opcode::ping, most)), Said{"ping \"" + most + '"'});
  EXPECT_EQ(heard(sent(Opcode::pong, most)), Said{"pong \"" + most + '"'});
  for (const char* frame : {"89fe", "8afe", "88fe", "89ff"}) {
    EXPECT_EQ(heard(bytes(frame)), Said{R"(error 1002 "control frame longer than 125 bytes")"}) << frame;
  }
  for (const char* frame : {"09", "0a", "08"}) {
    EXPECT_EQ(heard(bytes(frame)), Said{R"(error 1002 "control frame fragmented")"}) << frame;
  }
}

TEST(Parser, ControlPayloadsMayBeAnyBytes) {
  EXPECT_EQ(heard(sent(Opcode::ping, "\xFF\xFE")), Said{"ping \"\xFF\xFE\""});
}

// 5.5.1: a close frame.
TEST(Parser, CloseWithoutPayload) { EXPECT_EQ(heard(sent(Opcode::close, "")), Said{R"(close 1005 "")"}); }

TEST(Parser, CloseWithCodeAndReason) {
  EXPECT_EQ(heard(sent_close(1000, "")), Said{R"(close 1000 "")"});
  EXPECT_EQ(heard(sent_close(4999, "done \u20ac")), Said{"close 4999 \"done \u20ac\""});
  const std::string longest(123, 'r');
  EXPECT_EQ(heard(sent_close(3000, longest)), Said{"close 3000 \"" + longest + '"'});
}

TEST(Parser, CloseWithHalfACode) {
  EXPECT_EQ(heard(sent(Opcode::close, "\x03")), Said{R"(error 1002 "close frame with half a code")"});
}

// 7.4: codes that may not be on the wire.
TEST(Parser, CloseCodes) {
  for (const int code : {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    EXPECT_EQ(heard(sent_close(static_cast<CloseCode>(code), "")),
              Said{R"(error 1002 "close code not allowed")"})
        << code;
  }
  for (const int code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999}) {
    EXPECT_EQ(heard(sent_close(static_cast<CloseCode>(code), "")),
              Said{"close " + std::to_string(code) + " \"\""});
  }
}

TEST(Parser, CloseReasonsAreUtf8) {
  for (const char* reason : {"\xFF", "cut \xE2\x82", "\xED\xA0\x80"}) {
    EXPECT_EQ(heard(sent_close(1000, reason)), Said{R"(error 1007 "close reason is not UTF-8")"});
  }
}

// 5.5.1 and 1.4: data after a close is ignored; after an error nothing is read.
TEST(Parser, NothingAfterTheEnd) {
  Listener listener;
  listener.hear(sent_close(1000, "") + sent_text("late"));
  listener.hear(sent_text("later") + bytes("ffff"));
  EXPECT_EQ(listener.transcript(), Said{R"(close 1000 "")"});
  EXPECT_TRUE(listener.parser().ended());
  EXPECT_FALSE(listener.parser().unfinished());

  EXPECT_EQ(heard(bytes("ff") + sent_text("late")), Said{R"(error 1002 "reserved bit set")"});
}

// 5.6: this protocol is text.
TEST(Parser, BinaryIsRefused) {
  EXPECT_EQ(heard(sent(Opcode::binary, "x")), Said{R"(error 1003 "binary frames are not accepted")"});
  EXPECT_EQ(heard(bytes("02")), Said{R"(error 1003 "binary frames are not accepted")"});
}

// 8.1: text is UTF-8, in whole messages.
TEST(Parser, TextIsUtf8) {
  EXPECT_EQ(heard(sent_text("\u20ac")), Said{"message \"\u20ac\""});
  for (const char* text : {"\xFF", "cut \xE2\x82", "\xED\xA0\x80", "\xC0\xAF"}) {
    EXPECT_EQ(heard(sent_text(text)), Said{R"(error 1007 "text is not UTF-8")"});
  }
}

TEST(Parser, ACharacterMayBeCutByFragments) {
  EXPECT_EQ(heard(sent(Opcode::text, "\xE2", kMore) + sent(Opcode::ping, "") +
                  sent(Opcode::continuation, "\x82", kMore) + sent(Opcode::continuation, "\xAC")),
            (Said{R"(ping "")", "message \"\u20ac\""}));
  EXPECT_EQ(heard(sent(Opcode::text, "\xE2", kMore) + sent(Opcode::continuation, "\x82")),
            Said{R"(error 1007 "text is not UTF-8")"});
}

// What one message leaves behind must not count against the next.
TEST(Parser, ABrokenCharacterDoesNotReachIntoTheNextMessage) {
  EXPECT_EQ(heard(sent_text("a\u20ac") + sent_text("\x82")),
            (Said{"message \"a\u20ac\"", R"(error 1007 "text is not UTF-8")"}));
}

TEST(Parser, HopelessTextFailsBeforeItsFrameEnds) {
  const std::string frame = sent_text("ab\xF4\x90" + std::string(50, 'x'));
  EXPECT_EQ(heard(frame.substr(0, 6 + 3)), Said{});
  EXPECT_EQ(heard(frame.substr(0, 6 + 4)), Said{R"(error 1007 "text is not UTF-8")"});
  EXPECT_EQ(heard(sent(Opcode::text, "\xFF", kMore)), Said{R"(error 1007 "text is not UTF-8")"});
}

// 7.4.1, 1009: the limit is on the whole message and is applied to what a header announces.
TEST(Parser, TheLimitIsOnTheWholeMessage) {
  const ParserOptions ten = {.message_bytes_max = 10};
  const std::string said = R"(message "0123456789")";
  const Said too_big = {R"(error 1009 "message larger than the limit")"};
  EXPECT_EQ(heard(sent_text("0123456789"), ten), Said{said});
  EXPECT_EQ(heard(sent(Opcode::text, "01234", kMore) + sent(Opcode::continuation, "56789"), ten), Said{said});
  EXPECT_EQ(heard(sent_text("0123456789a"), ten), too_big);
  EXPECT_EQ(heard(sent(Opcode::text, "012345", kMore) + sent(Opcode::continuation, "6789a"), ten), too_big);
  EXPECT_EQ(heard(sent_text("0123456789") + sent_text("0123456789"), ten), (Said{said, said}));
}

TEST(Parser, TooMuchIsRefusedAtTheHeader) {
  const Said too_big = {R"(error 1009 "message larger than the limit")"};
  EXPECT_EQ(heard(bytes("81ff0000000000010001")), too_big);  // 65537 bytes, of which none is there
  EXPECT_EQ(heard(bytes("81ff7fffffffffffffff")), too_big);
  EXPECT_EQ(heard(bytes("818b"), {.message_bytes_max = 10}), too_big);
  // Added up without wrapping round.
  EXPECT_EQ(heard(sent(Opcode::text, "x", kMore) + bytes("80ff7fffffffffffffff")), too_big);
}

TEST(Parser, ControlFramesDoNotCountAgainstTheLimit) {
  EXPECT_EQ(heard(sent(Opcode::text, "01", kMore) + sent(Opcode::ping, "a long ping") +
                      sent(Opcode::continuation, "2"),
                  {.message_bytes_max = 3}),
            (Said{R"(ping "a long ping")", R"(message "012")"}));
}

// A caller that pauses between two messages (its rate limit) keeps the rest and gives it later.
TEST(Parser, LeavesWhatItHasNotConsumedUntouched) {
  std::string conversation = sent_text("one") + sent_text("two");
  const std::string rest = sent_text("two");
  Parser parser({});
  Scratch scratch;
  std::span<char> input(conversation);
  EXPECT_EQ(describe(parser.next(input, scratch)), R"(message "one")");
  EXPECT_EQ(std::string_view(input.data(), input.size()), rest);
  EXPECT_EQ(describe(parser.next(input, scratch)), R"(message "two")");
  EXPECT_EQ(describe(parser.next(input, scratch)), "none");
  EXPECT_TRUE(input.empty());
}

TEST(Parser, CanBeMovedInTheMiddleOfAMessage) {
  const std::string frame = sent_text("a message that is cut");
  std::string first = frame.substr(0, 10);
  std::string second = frame.substr(10);
  Scratch scratch;
  Parser parser({});
  std::span<char> input(first);
  EXPECT_EQ(describe(parser.next(input, scratch)), "none");
  Parser moved = std::move(parser);
  input = second;
  EXPECT_EQ(describe(moved.next(input, scratch)), R"(message "a message that is cut")");
}

}  // namespace
}  // namespace gw::ws
