#include "net/http/chunked.h"

#include <gtest/gtest.h>

namespace gw::http {
namespace {

using Status = ChunkedDecoder::Status;

struct Decoded {
  Status status;
  std::string body;
  size_t used = 0;
};

Decoded decode(std::string_view text, size_t piece = std::string::npos, size_t max = 1000) {
  ChunkedDecoder decoder;
  Decoded result{Status::more, {}};
  while (result.status == Status::more && result.used < text.size()) {
    const auto step = decoder.decode(text.substr(result.used, piece), result.body, max);
    result.used += step.used;
    result.status = step.status;
  }
  return result;
}

TEST(Chunked, DecodesInAnyPieces) {
  const std::string text = "5\r\nhello\r\nA;x=\"y\"\r\n 123456789\r\n000\r\nTrailer: t\r\n\r\nGET";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    const Decoded result = decode(text, piece);
    EXPECT_EQ(result.status, Status::done) << piece;
    EXPECT_EQ(result.body, "hello 123456789") << piece;
    EXPECT_EQ(text.substr(result.used), "GET") << piece;
  }
}

TEST(Chunked, EveryPrefixAsksForMore) {
  const std::string text = "1\r\na\r\n0\r\nT: t\r\n\r\n";
  for (size_t n = 0; n < text.size(); ++n) EXPECT_EQ(decode(text.substr(0, n)).status, Status::more) << n;
}

TEST(Chunked, RefusesWhatIsNotTheGrammar) {
  const char* bad[] = {
      "\r\n",           "g\r\n",      "-1\r\n",
      "+1\r\n",         " 1\r\n",     "0x1\r\n",
      "1 \r\na\r\n",    "1\na\r\n",   "1\r\nab\r\n",
      "1\r\na\n",       "1\ra\r\n",   "1\r\na\rx",
      ";x\r\n",         "1;\n",       "0\r\nT: t\n\r\n",
      "0\r\n x: y\r\n", "0\r\n\n",    "0\n\r\n",
      "1;a\x01\r\n",    "0\r\nA\x7f", "00000000000000001\r\na\r\n",
  };
  for (const char* text : bad) EXPECT_EQ(decode(text).status, Status::bad) << text;
}

TEST(Chunked, TooLargeIsKnownBeforeItIsRead) {
  EXPECT_EQ(decode("3e8\r\n", 1).status, Status::more);
  EXPECT_EQ(decode("3e9\r\n", 1).status, Status::too_large);
  EXPECT_EQ(decode("ffffffffffffffff\r\n").status, Status::too_large);
  EXPECT_EQ(decode("1\r\na\r\n3e8\r\n").status, Status::too_large);
}

TEST(Chunked, WhatIsReadOverIsBounded) {
  const std::string much(ChunkedDecoder::kOverheadBytesMax + 1, 'x');
  EXPECT_EQ(decode("1;" + much).status, Status::bad);
  EXPECT_EQ(decode("0\r\n" + much).status, Status::bad);
  std::string lines;
  for (size_t i = 0; i <= ChunkedDecoder::kOverheadBytesMax; ++i) lines += "x\r\n";
  EXPECT_EQ(decode("0\r\n" + lines).status, Status::bad);
}

}  // namespace
}  // namespace gw::http
