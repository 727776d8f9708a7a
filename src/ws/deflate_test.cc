// permessage-deflate by section of RFC 7692.
#include "ws/deflate.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <set>

#include "base/random.h"
#include "ws/frames_testing.h"
#include "ws/transcript.h"

namespace gw::ws {
namespace {

// "" and the status when it is not ok.
std::string inflated(std::string_view payload, size_t size_max = 65536) {
  Inflater inflater;
  const Inflater::Inflated result = inflater.inflate(payload, size_max);
  switch (result.status) {
    case Inflater::Status::ok: return std::string(result.text);
    case Inflater::Status::too_large: return "too large";
    case Inflater::Status::corrupt: return "corrupt";
    case Inflater::Status::no_memory: return "no memory";
  }
  return "?";
}

std::string compressed(std::string_view text) {
  Deflater deflater;
  return std::string(deflater.compress(text));
}

// With settings of another implementation's choice; `flush` ends the message.
std::string compressed_elsewhere(std::string_view text, int window_bits, int flush) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(text.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, flush);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

std::string random_text(size_t size) {
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(' ' + fast_random() % 95);
  return text;
}

// 7.2.3.1 to 7.2.3.5, the examples, as whole frames of a server.
TEST(DeflateMessage, ExamplesOfTheRfc) {
  const Transcript hello = {R"(message "Hello")"};
  for (const char* frames : {
           "c107f248cdc9c90700",               // one block, fixed codes
           "4103f248cd8004c9c90700",           // in two frames
           "c10b000500faff48656c6c6f00",       // stored
           "c108f348cdc9c9070000",             // BFINAL
           "c10df248050000 00ffffcac9c90700",  // two blocks
       }) {
    std::string hex(frames);
    std::erase(hex, ' ');
    Listener listener({.role = Role::client, .deflate = true});
    listener.hear(bytes(hex));
    EXPECT_EQ(listener.transcript(), hello) << frames;
  }
  EXPECT_EQ(compressed("Hello"), bytes("f248cdc9c90700"));
}

// 7.2.3.6
TEST(DeflateMessage, EmptyMessages) {
  EXPECT_EQ(compressed(""), bytes("00"));
  EXPECT_EQ(inflated(bytes("00")), "");
  EXPECT_EQ(inflated(""), "") << "not what a sender should make of it, but not a doubt either";
}

TEST(DeflateMessage, OursComesBack) {
  Deflater deflater;
  Inflater inflater;
  for (const size_t size : {0u, 1u, 5u, 100u, 4095u, 4096u, 4097u, 10000u, 65536u, 300000u}) {
    for (const std::string& text : {random_text(size), std::string(size, 'x')}) {
      const std::string payload(deflater.compress(text));
      const Inflater::Inflated result = inflater.inflate(payload, size);
      ASSERT_EQ(result.status, Inflater::Status::ok) << size;
      ASSERT_EQ(result.text, text);
    }
  }
}

// 7.1.1: without context takeover the same message is the same bytes, whatever went before.
TEST(DeflateMessage, NoMessageDependsOnAnother) {
  Deflater deflater;
  const std::string first(deflater.compress("one message"));
  deflater.compress("another, with one message in it");
  EXPECT_EQ(deflater.compress("one message"), first);

  Inflater inflater;
  EXPECT_EQ(inflater.inflate(bytes("ffff"), 10).status, Inflater::Status::corrupt);
  EXPECT_EQ(inflater.inflate(first, 100).text, "one message") << "after a corrupt one";
  EXPECT_EQ(inflater.inflate(first, 3).status, Inflater::Status::too_large);
  EXPECT_EQ(inflater.inflate(first, 100).text, "one message") << "after one that was too large";
}

// 7.1.2.1: whoever was promised a window of 2^12 can read what we send.
TEST(DeflateMessage, KeepsWithinTheWindow) {
  const std::string far = random_text(5000);
  const std::string payload = compressed(far + far) + bytes("0000ffff");
  z_stream stream{};
  ASSERT_EQ(inflateInit2(&stream, -kServerWindowBits), Z_OK);
  std::string out(20000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(payload.data()));
  stream.avail_in = static_cast<uInt>(payload.size());
  // In small steps: zlib then has no more to look back at than its window.
  size_t produced = 0;
  while (stream.avail_in > 0) {
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + produced);
    stream.avail_out = 64;
    ASSERT_EQ(inflate(&stream, Z_SYNC_FLUSH), Z_OK);
    produced += 64 - stream.avail_out;
  }
  inflateEnd(&stream);
  EXPECT_EQ(out.substr(0, produced), far + far);
}

// 7.2.2: everything that RFC 1951 allows, with windows of any size.
TEST(DeflateMessage, OthersEncodings) {
  const std::string far = random_text(30000);
  const std::string text = far + far + std::string(5000, 'x');
  for (const int window_bits : {9, 12, 15}) {
    const std::string synced = compressed_elsewhere(text, window_bits, Z_SYNC_FLUSH);
    EXPECT_EQ(inflated(synced.substr(0, synced.size() - 4)), text) << window_bits;
    EXPECT_EQ(inflated(compressed_elsewhere(text, window_bits, Z_FINISH) + bytes("00")), text) << window_bits;
    EXPECT_EQ(inflated(compressed_elsewhere(text, window_bits, Z_FINISH)), text) << window_bits;
  }
}

TEST(DeflateMessage, SeveralFinalBlocks) {
  const std::string finished = compressed_elsewhere("part ", 15, Z_FINISH);
  EXPECT_EQ(inflated(finished + finished + bytes("00")), "part part ");
  EXPECT_EQ(inflated(finished + compressed("end")), "part end");
}

TEST(DeflateMessage, Garbage) {
  EXPECT_EQ(inflated(bytes("ff")), "corrupt") << "reserved block type";
  EXPECT_EQ(inflated(bytes("000500fbff48656c6c6f00")), "corrupt") << "stored length and its complement";
  EXPECT_EQ(inflated("plain text, not compressed"), "corrupt");
}

// Text cut off inside a block would otherwise pass as a shorter message.
TEST(DeflateMessage, CutOffAnywhere) {
  const std::string payload = compressed("a text that is long enough to be cut off, and cut off, and off");
  // The last byte is not counted: it may hold nothing but the start of the empty block.
  for (size_t size = 1; size + 1 < payload.size(); ++size) {
    EXPECT_EQ(inflated(payload.substr(0, size)), "corrupt") << size;
  }
}

// A bomb costs no more than the limit.
TEST(DeflateMessage, TheLimitIsExact) {
  for (const size_t size : {1u, 10u, 4096u, 65536u, 100000u}) {
    const std::string payload = compressed(std::string(size, 'x'));
    EXPECT_EQ(inflated(payload, size), std::string(size, 'x'));
    EXPECT_EQ(inflated(payload, size - 1), "too large");
  }
  EXPECT_EQ(inflated(compressed(std::string(50 << 20, 'x')), 65536), "too large");
}

TEST(DeflateMessage, TheLimitHoldsAfterALargerOne) {
  Inflater inflater;
  const std::string payload = compressed(std::string(1000, 'x'));
  EXPECT_EQ(inflater.inflate(payload, 100000).text.size(), 1000u);
  EXPECT_EQ(inflater.inflate(payload, 999).status, Inflater::Status::too_large);
  EXPECT_EQ(inflater.inflate(payload, 1000).text.size(), 1000u);
}

// 6: where RSV1 may stand, and the limits and checks of the parser on what comes out.
class DeflateParser : public ::testing::Test {
 protected:
  static std::string sent_compressed(std::string_view text) {
    return sent(Opcode::text, compressed(text), {.compressed = true});
  }
  static Transcript heard(std::string_view conversation, uint32_t message_bytes_max = 65536) {
    Listener listener({.deflate = true, .message_bytes_max = message_bytes_max});
    listener.hear(conversation);
    return listener.transcript();
  }
};

TEST_F(DeflateParser, CompressedAndPlainMessagesMayAlternate) {
  EXPECT_EQ(heard(sent_compressed("one") + sent(Opcode::text, "two") + sent_compressed("three")),
            (Transcript{R"(message "one")", R"(message "two")", R"(message "three")"}));
}

TEST_F(DeflateParser, Rsv1OnlyOnTheFirstFrameOfAMessage) {
  const Transcript reserved = {R"(error 1002 "reserved bit set")"};
  EXPECT_EQ(heard(sent(Opcode::text, "a", {.fin = false}) + bytes("c080")), reserved);
  EXPECT_EQ(heard(bytes("c980")), reserved);
  EXPECT_EQ(heard(bytes("c880")), reserved);
}

TEST_F(DeflateParser, ControlFramesBetweenCompressedFragments) {
  const std::string payload = compressed("compressed text");
  EXPECT_EQ(heard(sent(Opcode::text, payload.substr(0, 3), {.fin = false, .compressed = true}) +
                  sent(Opcode::ping, "p") + sent(Opcode::continuation, payload.substr(3))),
            (Transcript{R"(ping "p")", R"(message "compressed text")"}));
}

TEST_F(DeflateParser, WhatComesOutIsUtf8) {
  EXPECT_EQ(heard(sent_compressed("\u20ac")), Transcript{"message \"\u20ac\""});
  EXPECT_EQ(heard(sent_compressed("\xFF")), Transcript{R"(error 1007 "text is not UTF-8")"});
}

TEST_F(DeflateParser, GarbageIsInvalidPayload) {
  EXPECT_EQ(heard(sent(Opcode::text, "\xFF\xFF", {.compressed = true})),
            Transcript{R"(error 1007 "compressed message is corrupt")"});
}

TEST_F(DeflateParser, TheLimitIsOnWhatComesOut) {
  const Transcript too_big = {R"(error 1009 "message larger than the limit")"};
  EXPECT_EQ(heard(sent_compressed(std::string(1000, 'x')), 1000).size(), 1u);
  EXPECT_EQ(heard(sent_compressed(std::string(1000, 'x')), 1000)[0].size(),
            1000 + std::string("message \"\"").size());
  EXPECT_EQ(heard(sent_compressed(std::string(1001, 'x')), 1000), too_big);
}

// A text of the largest size that compression makes longer must get through all the same.
TEST_F(DeflateParser, AnIncompressibleMessageOfTheLargestSize) {
  for (const size_t size : {10u, 1000u, 65536u}) {
    const std::string text = random_text(size);
    std::string stored = text;
    std::string payload;
    for (size_t at = 0; at < text.size(); at += 65535) {
      const size_t block = std::min<size_t>(65535, text.size() - at);
      const auto low = static_cast<char>(block & 0xFF), high = static_cast<char>(block >> 8);
      payload += {'\0', low, high, static_cast<char>(~low), static_cast<char>(~high)};
      payload += text.substr(at, block);
    }
    payload.push_back('\0');
    ASSERT_GT(payload.size(), size);
    EXPECT_EQ(heard(sent(Opcode::text, payload.substr(0, 3), {.fin = false, .compressed = true}) +
                        sent(Opcode::continuation, payload.substr(3)),
                    static_cast<uint32_t>(size)),
              Transcript{"message \"" + text + '"'});
    EXPECT_EQ(heard(sent(Opcode::text, payload, {.compressed = true}), static_cast<uint32_t>(size)),
              Transcript{"message \"" + text + '"'});
  }
}

TEST_F(DeflateParser, CompressedBytesAreBoundedToo) {
  const Transcript too_big = {R"(error 1009 "message larger than the limit")"};
  EXPECT_EQ(heard(bytes("c1ff0000000000020000")), too_big);  // announces 128 KiB
  Listener listener({.deflate = true});
  // Empty stored blocks inflate to nothing, for ever.
  std::string blocks;
  for (int i = 0; i < 200; ++i) blocks += bytes("000000ffff");
  listener.hear(sent(Opcode::text, blocks, {.fin = false, .compressed = true}));
  for (int i = 0; i < 100; ++i) listener.hear(sent(Opcode::continuation, blocks, {.fin = false}));
  EXPECT_EQ(listener.transcript(), too_big);
  EXPECT_LE(listener.bytes_kept_max(), 65536u + 48 * 1024 + 256);
  EXPECT_EQ(listener.parser().bytes_kept(), 0u);
}

TEST_F(DeflateParser, TooLargeIsKnownBeforeTheMessageHasEnded) {
  const Transcript too_big = {R"(error 1009 "message larger than the limit")"};
  const auto fragment = [](std::string_view payload, bool first) {
    return first ? sent(Opcode::text, payload, {.fin = false, .compressed = true})
                 : sent(Opcode::continuation, payload, {.fin = false});
  };
  // In fragments that never end: at the first byte too many, and not before.
  for (const size_t step : {1u, 7u, 100u}) {
    for (const std::string& text : {std::string(3000, 'x'), random_text(3000)}) {
      const std::string payload = compressed(text);
      Listener listener({.deflate = true, .message_bytes_max = 1000});
      for (size_t at = 0; at < payload.size() && listener.transcript().empty(); at += step) {
        Inflater probe;
        probe.begin();
        const std::string so_far = payload.substr(0, std::min(at + step, payload.size()));
        const bool over = probe.append(so_far, 1000) == Inflater::Status::too_large;
        listener.hear(fragment(so_far.substr(at), at == 0));
        ASSERT_EQ(listener.transcript(), over ? too_big : Transcript{}) << at;
      }
      EXPECT_EQ(listener.transcript(), too_big);
      EXPECT_EQ(listener.parser().bytes_kept(), 0u);
    }
  }
  // And in one frame whose end never comes.
  const std::string frame = sent_compressed(std::string(100'000, 'x'));
  Listener listener({.deflate = true, .message_bytes_max = 1000});
  listener.hear(std::string_view(frame).substr(0, frame.size() / 2));
  EXPECT_EQ(listener.transcript(), too_big);
}

TEST_F(DeflateParser, PiecesOfManyMessagesGoTheirOwnWays) {
  const std::string one = sent_compressed(random_text(500)), two = sent_compressed(random_text(400));
  Scratch scratch;
  Parser first({.deflate = true}), second({.deflate = true});
  std::vector<std::string> heard;
  const auto hear = [&](Parser& parser, std::string piece) {
    std::span<char> input(piece);
    for (Event e = parser.next(input, scratch); e.kind != Event::Kind::none; e = parser.next(input, scratch))
      heard.emplace_back(e.text);
  };
  for (int round = 0; round < 3; ++round) {
    for (size_t at = 0; at < one.size(); at += 50) {
      hear(first, one.substr(at, 50));
      if (at < two.size()) hear(second, two.substr(at, 50));
    }
  }
  ASSERT_EQ(heard.size(), 6u);
  EXPECT_EQ((std::set<std::string>(heard.begin(), heard.end()).size()), 2u);
  EXPECT_EQ(first.bytes_kept() + second.bytes_kept(), 0u);
}

TEST_F(DeflateParser, StreamsWithoutContentAreBounded) {
  const auto streams = [](int count) {
    std::string payload;
    for (int i = 0; i < count; ++i) payload += bytes("0300");
    return sent(Opcode::text, payload, {.compressed = true});
  };
  EXPECT_EQ(heard(streams(1000)), Transcript{R"(message "")"});
  EXPECT_EQ(heard(streams(30'000)), Transcript{R"(error 1007 "compressed message is corrupt")"});
}

}  // namespace
}  // namespace gw::ws
