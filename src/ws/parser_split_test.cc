// How bytes are cut into reads never changes what is heard.
#include <gtest/gtest.h>

#include "ws/deflate.h"
#include "ws/frames_testing.h"
#include "ws/transcript.h"

namespace gw::ws {
namespace {

const ParserOptions kOptions = {.deflate = true, .message_bytes_max = 1000};

Transcript heard(std::initializer_list<std::string_view> pieces) {
  Listener listener(kOptions);
  for (const std::string_view piece : pieces) listener.hear(piece);
  return listener.transcript();
}

Transcript heard_by_byte(std::string_view conversation) {
  Listener listener(kOptions);
  for (const char& byte : conversation) listener.hear({&byte, 1});
  return listener.transcript();
}

std::string good_conversation() {
  Deflater deflater;
  const std::string compressed(deflater.compress("compressed, compressed, compressed \u20ac"));
  std::string all =
      sent(Opcode::text, "short") + sent(Opcode::text, std::string(130, 'l')) + sent(Opcode::ping, "");
  all += sent(Opcode::text, "fragments with a \xE2", {.fin = false}) + sent(Opcode::ping, "between") +
         sent(Opcode::continuation, "", {.fin = false}) + sent(Opcode::pong, std::string(125, 'p')) +
         sent(Opcode::continuation, "\x82\xAC");
  all += sent(Opcode::text, compressed, {.compressed = true});
  all += sent(Opcode::text, compressed.substr(0, 5), {.fin = false, .compressed = true}) +
         sent(Opcode::continuation, compressed.substr(5));
  return all + sent(Opcode::close, "\x03\xE8 bye");
}

TEST(ParserSplits, AConversationCutAnywhereIsTheSame) {
  const std::string conversation = good_conversation();
  const Transcript whole = heard({conversation});
  ASSERT_EQ(whole.size(), 9u);
  EXPECT_EQ(whole[3], R"(ping "between")");
  EXPECT_EQ(whole[5], "message \"fragments with a \u20ac\"");
  EXPECT_EQ(whole[6], whole[7]);
  EXPECT_EQ(whole[8], R"(close 1000 " bye")");
  for (size_t cut = 0; cut <= conversation.size(); ++cut) {
    const std::string_view all = conversation;
    ASSERT_EQ(heard({all.substr(0, cut), all.substr(cut)}), whole) << cut;
  }
  EXPECT_EQ(heard_by_byte(conversation), whole);
}

TEST(ParserSplits, ThreePiecesOfAShortOne) {
  const std::string conversation = sent(Opcode::text, "ab\xC3", {.fin = false}) + sent(Opcode::ping, "pp") +
                                   sent(Opcode::continuation, "\xA9") + sent(Opcode::text, "end");
  const std::string_view all = conversation;
  const Transcript whole = {R"(ping "pp")", "message \"ab\u00e9\"", R"(message "end")"};
  for (size_t first = 0; first <= all.size(); ++first) {
    for (size_t second = first; second <= all.size(); ++second) {
      ASSERT_EQ(heard({all.substr(0, first), all.substr(first, second - first), all.substr(second)}), whole)
          << first << ' ' << second;
    }
  }
}

TEST(ParserSplits, EveryErrorIsTheSameWhereverItIsCut) {
  const std::string before = sent(Opcode::text, "before");
  const std::string open = sent(Opcode::text, "open", {.fin = false});
  const std::string more = sent(Opcode::text, "and what follows");
  const auto raw = [](std::string_view bytes) { return std::string(bytes); };
  const std::string errors[] = {
      raw("\x91\x80"),                     // RSV3
      raw("\x83\x80"),                     // opcode 3
      raw("\x09\x80"),                     // fragmented ping
      raw("\x89\xFE"),                     // long ping
      raw("\x81\x05Hello"),                // unmasked
      std::string("\x81\xFE\x00\x7D", 4),  // length form
      std::string("\x81\xFF\x80\0\0\0\0\0\0\0", 10),
      std::string("\x81\xFF\0\0\0\0\0\x01\0\0", 10),  // over the limit
      sent(Opcode::continuation, "x"),
      open + more,
      sent(Opcode::binary, "x"),
      sent(Opcode::text, "not \xC0 UTF-8"),
      sent(Opcode::text, "cut \xE2\x82"),
      sent(Opcode::close, "\x03"),
      sent(Opcode::close, "\x03\xED"),
      sent(Opcode::close, "\x03\xE8\xFF"),
      sent(Opcode::text, "\xFF\xFF not deflate", {.compressed = true}),
  };
  for (const std::string& error : errors) {
    const std::string conversation = before + error + more;
    const std::string_view all = conversation;
    const Transcript whole = heard({all});
    ASSERT_EQ(whole.size(), 2u) << error;
    EXPECT_EQ(whole[0], R"(message "before")");
    EXPECT_TRUE(whole[1].starts_with("error ")) << whole[1];
    for (size_t cut = 0; cut <= all.size(); ++cut) {
      ASSERT_EQ(heard({all.substr(0, cut), all.substr(cut)}), whole) << cut;
    }
    EXPECT_EQ(heard_by_byte(all), whole);
  }
}

}  // namespace
}  // namespace gw::ws
