// Answers in pieces: what is known when.
#include "net/http/answer_parser.h"

#include <gtest/gtest.h>

namespace gw::http {
namespace {

constexpr std::string_view kChunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

TEST(AnswerParser, TellsTheHeadBeforeTheBody) {
  AnswerParser parser;
  ASSERT_TRUE(parser.put("HTTP/1.1 200 OK\r\nContent-Type: text/plain \r\ncontent-length: 5\r\n"));
  EXPECT_EQ(parser.head(), nullptr);
  ASSERT_TRUE(parser.put("\r\nhe"));
  ASSERT_NE(parser.head(), nullptr);
  EXPECT_EQ(parser.head()->status, 200);
  EXPECT_EQ(parser.head()->field("content-type"), "text/plain");
  EXPECT_EQ(parser.head()->length, 5u);
  EXPECT_EQ(parser.take_body(), "he");
  ASSERT_TRUE(parser.put("llo, and more"));
  EXPECT_EQ(parser.take_body(), "llo");
  EXPECT_TRUE(parser.is_complete());
}

TEST(AnswerParser, GivesEachChunkWhenItComes) {
  AnswerParser parser;
  ASSERT_TRUE(parser.put(kChunked));
  ASSERT_TRUE(parser.put("1\r\na"));
  EXPECT_EQ(parser.take_body(), "a");
  ASSERT_TRUE(parser.put("\r\n2\r\nbc\r\n"));
  EXPECT_EQ(parser.take_body(), "bc");
  EXPECT_FALSE(parser.is_complete());
  ASSERT_TRUE(parser.put("0\r\n\r\n"));
  EXPECT_TRUE(parser.is_complete());
  EXPECT_FALSE(parser.ends_with_connection());
}

TEST(AnswerParser, SaysWhenNothingBoundsTheBody) {
  AnswerParser parser;
  ASSERT_TRUE(parser.put("HTTP/1.1 200 OK\r\n\r\nhello"));
  EXPECT_TRUE(parser.ends_with_connection());
  EXPECT_FALSE(parser.is_complete());
  ASSERT_TRUE(parser.put_end());
  EXPECT_TRUE(parser.is_complete());
}

TEST(AnswerParser, PassesOverWhatOnlyAnnounces) {
  AnswerParser parser;
  ASSERT_TRUE(
      parser.put("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 "));
  EXPECT_EQ(parser.head(), nullptr);
  ASSERT_TRUE(parser.put("204 No Content\r\n\r\n"));
  ASSERT_NE(parser.head(), nullptr);
  EXPECT_EQ(parser.head()->status, 204);
  EXPECT_TRUE(parser.is_complete());
}

TEST(AnswerParser, RefusesWhatTwoReadersWouldTakeDifferently) {
  for (const char* fields :
       {"Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Content-Length: -1", "Content-Length: 5, 5", "Transfer-Encoding: gzip, chunked", "A", ": b",
        "A: b\r\n c"}) {
    AnswerParser parser;
    EXPECT_FALSE(parser.put("HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n\r\n")) << fields;
  }
  for (const char* line :
       {"HTTP/2 200", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 099 No", "HTTP/1.1 101 Switching"}) {
    AnswerParser parser;
    EXPECT_FALSE(parser.put(std::string(line) + "\r\n\r\n")) << line;
  }
  std::string again;
  for (int i = 0; i < 9; ++i) again += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_FALSE(AnswerParser().put(again));
}

TEST(AnswerParser, ABodyMayBeLargerThanWhatIsKept) {
  AnswerParser parser;
  ASSERT_TRUE(parser.put("HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n"));
  ASSERT_TRUE(parser.put(std::string(100'000, 'a')));
  EXPECT_EQ(parser.take_body().size(), 100'000u);
  EXPECT_FALSE(parser.is_complete());
}

}  // namespace
}  // namespace gw::http
