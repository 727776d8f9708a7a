#include "ws/frame.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace gw::ws {
namespace {

constexpr MaskKey kRfcKey = {0x37, 0xfa, 0x21, 0x3d};

std::string hex(std::string_view bytes) {
  return to_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

std::string frame(Opcode opcode, std::string_view payload, FrameFlags flags = {}) {
  std::string out;
  append_frame(out, opcode, payload, flags);
  return out;
}

std::string masked(Opcode opcode, std::string_view payload, MaskKey key) {
  std::string out;
  append_masked_frame(out, opcode, payload, key);
  return out;
}

std::string close_frame(CloseCode code, std::string_view reason = {}) {
  std::string out;
  append_close(out, code, reason);
  return out;
}

// RFC 6455 5.7.
TEST(Frame, ExamplesOfTheRfc) {
  EXPECT_EQ(hex(frame(Opcode::text, "Hello")), "810548656c6c6f");
  EXPECT_EQ(hex(masked(Opcode::text, "Hello", kRfcKey)), "818537fa213d7f9f4d5158");
  EXPECT_EQ(hex(frame(Opcode::text, "Hel", {.fin = false})), "010348656c");
  EXPECT_EQ(hex(frame(Opcode::continuation, "lo")), "80026c6f");
  EXPECT_EQ(hex(frame(Opcode::ping, "Hello")), "890548656c6c6f");
  EXPECT_EQ(hex(masked(Opcode::pong, "Hello", kRfcKey)), "8a8537fa213d7f9f4d5158");
  EXPECT_EQ(hex(frame(Opcode::binary, std::string(256, 'x')).substr(0, 4)), "827e0100");
  EXPECT_EQ(hex(frame(Opcode::binary, std::string(65536, 'x')).substr(0, 10)), "827f0000000000010000");
}

// RFC 7692 7.2.3.1: RSV1 marks the first frame of a compressed message.
TEST(Frame, ACompressedMessageHasRsv1) {
  EXPECT_EQ(hex(frame(Opcode::text, "x", {.compressed = true})), "c10178");
  EXPECT_EQ(hex(frame(Opcode::text, "x", {.fin = false, .compressed = true})), "410178");
}

TEST(Frame, EveryLengthTakesItsShortestForm) {
  const std::pair<size_t, std::string> headers[] = {{0, "8100"},
                                                    {1, "8101"},
                                                    {125, "817d"},
                                                    {126, "817e007e"},
                                                    {127, "817e007f"},
                                                    {65535, "817effff"},
                                                    {65536, "817f0000000000010000"}};
  for (const auto& [size, header] : headers) {
    const std::string whole = frame(Opcode::text, std::string(size, 'a'));
    EXPECT_EQ(frame_header_size(size), header.size() / 2);
    EXPECT_EQ(whole.size(), header.size() / 2 + size);
    EXPECT_EQ(hex(whole.substr(0, header.size() / 2)), header);
  }
}

TEST(Frame, AHeaderAloneIsTheStartOfTheFrame) {
  for (const size_t size : {0u, 125u, 126u, 65535u, 65536u}) {
    char header[kFrameHeaderMax];
    const size_t header_size = write_frame_header(header, Opcode::text, size);
    EXPECT_EQ(header_size, frame_header_size(size));
    EXPECT_EQ(std::string_view(header, header_size),
              frame(Opcode::text, std::string(size, 'a')).substr(0, header_size));
  }
}

TEST(Frame, AppendingNeedsNoGrowthWhenThereIsRoom) {
  std::string out;
  out.reserve(200 + frame_header_size(200));
  const char* const before = out.data();
  append_frame(out, Opcode::text, std::string(200, 'a'));
  EXPECT_EQ(out.data(), before);
}

TEST(Frame, AppendsBehindWhatIsThere) {
  std::string out = "x";
  append_frame(out, Opcode::ping, "");
  append_masked_frame(out, Opcode::ping, "ab", {1, 2, 3, 4});
  EXPECT_EQ(hex(out),
            "78"
            "8900"
            "89820102030460"
            "60");
}

TEST(Mask, EveryAlignmentAndLength) {
  for (size_t offset = 0; offset < 16; ++offset) {
    for (size_t size = 0; size < 70; ++size) {
      std::string text(offset + size + 8, '.');
      std::string expected = text;
      for (size_t i = 0; i < size; ++i) {
        expected[offset + i] = static_cast<char>(text[offset + i] ^ static_cast<char>(kRfcKey[i % 4]));
      }
      apply_mask(std::span<char>(text).subspan(offset, size), kRfcKey);
      ASSERT_EQ(text, expected) << offset << " " << size;
    }
  }
}

TEST(Mask, GoesOnAfterAnyPiece) {
  const std::string text = "The quick brown fox jumps over the lazy dog";
  std::string whole = text;
  apply_mask(whole, kRfcKey);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    std::string pieces = text;
    apply_mask(std::span<char>(pieces).first(cut), kRfcKey);
    apply_mask(std::span<char>(pieces).subspan(cut), rotate_mask(kRfcKey, cut));
    EXPECT_EQ(pieces, whole) << cut;
  }
}

TEST(CloseFrame, HoldsCodeAndReason) {
  EXPECT_EQ(hex(close_frame(1000)), "880203e8");
  EXPECT_EQ(hex(close_frame(4001, "no")), "88040fa16e6f");
}

TEST(CloseFrame, NoStatusIsAnEmptyFrame) {
  EXPECT_EQ(hex(close_frame(close_code::no_status, "unused")), "8800");
}

// RFC 6455 5.5: 125 bytes at most, and the reason is UTF-8, so it is cut between characters.
TEST(CloseFrame, ALongReasonIsCutBetweenCharacters) {
  EXPECT_EQ(close_frame(1000, std::string(124, 'a')), close_frame(1000, std::string(123, 'a')));
  EXPECT_EQ(close_frame(1000, std::string(122, 'a') + "\u00e9"), close_frame(1000, std::string(122, 'a')));
  EXPECT_EQ(close_frame(1000, std::string(121, 'a') + "\u00e9").size(), 2u + 125u);
}

TEST(CloseFrame, MaskedIsTheSameFrameMasked) {
  std::string out;
  append_masked_close(out, 1000, "", {0, 0, 0, 0});
  EXPECT_EQ(hex(out), "88820000000003e8");
}

using FrameDeathTest = ::testing::Test;

TEST(FrameDeathTest, RefusesWhatMayNotBeSent) {
  EXPECT_DEATH(frame(Opcode::ping, std::string(126, 'a')), "kControlPayloadMax");
  EXPECT_DEATH(frame(Opcode::close, "", {.fin = false}), "fin");
  EXPECT_DEATH(close_frame(close_code::abnormal), "is_wire_close_code");
}

// RFC 6455 7.4 and the registry.
TEST(CloseCode, WhichMayBeOnTheWire) {
  for (unsigned code = 0; code <= 0xFFFF; ++code) {
    const bool reserved = code == 1004 || code == 1005 || code == 1006 || code == 1015;
    const bool defined = code >= 1000 && code <= 1014 && !reserved;
    EXPECT_EQ(is_wire_close_code(static_cast<CloseCode>(code)), defined || (code >= 3000 && code <= 4999))
        << code;
  }
}

}  // namespace
}  // namespace gw::ws
