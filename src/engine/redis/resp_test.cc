#include "engine/redis/resp.h"

#include <gtest/gtest.h>

#include <vector>

namespace gw::redis {
namespace {

std::string command(std::initializer_list<std::string_view> words) {
  std::string out;
  append_command(out, std::span(words.begin(), words.size()));
  return out;
}

// A reply in words: text in quotes, integers, nil, error, [lists].
std::string shown(const Reply& reply) {
  if (reply.is_nil()) return "nil";
  if (reply.is_integer()) return std::to_string(reply.integer());
  if (reply.is_error()) return "error '" + std::string(reply.text()) + "'";
  if (reply.is_text()) return "'" + std::string(reply.text()) + "'";
  std::string out = "[";
  for (size_t i = 0; i < reply.size(); ++i) out += (i > 0 ? " " : "") + shown(reply[i]);
  return out + "]";
}

// All replies in order; the last is "broken" when nothing more can be read.
std::vector<std::string> read_all(ReplyReader& reader) {
  std::vector<std::string> out;
  while (true) {
    const auto next = reader.next();
    if (!next) {
      EXPECT_EQ(next.error().code, Errc::protocol_error);
      out.emplace_back("broken");
      return out;
    }
    if (!*next) return out;
    out.push_back(shown(Reply(*next)));
  }
}

using Texts = std::vector<std::string>;

TEST(RedisCommands, AreArraysOfBulkStrings) {
  EXPECT_EQ(command({"PING"}), "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(command({"SET", "", "a b"}), "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$3\r\na b\r\n");
}

TEST(RedisCommands, NoByteCanEndAWord) {
  std::string every;
  for (int byte = 0; byte < 256; ++byte) every.push_back(static_cast<char>(byte));
  every += "\r\n*1\r\n$8\r\nFLUSHALL\r\n";
  const std::string sent = command({"PUBLISH", every, every});
  // The reader sees one command of three words: the protocol of requests is that of replies.
  ReplyReader reader;
  ASSERT_TRUE(reader.feed(sent));
  const auto read = reader.next();
  ASSERT_TRUE(read && *read);
  const Reply reply(*read);
  ASSERT_EQ(reply.size(), 3u);
  EXPECT_EQ(reply[1].text(), every);
  EXPECT_EQ(reply[2].text(), every);
  EXPECT_EQ(read_all(reader), Texts{});
}

TEST(RedisReplies, AreTheSameHoweverTheyArrive) {
  const std::string bytes =
      "+OK\r\n:42\r\n:-9223372036854775808\r\n-ERR no "
      "such\r\n$-1\r\n*-1\r\n$0\r\n\r\n$6\r\na\r\nb\r\n\r\n*0\r\n"
      "*3\r\n$1\r\nx\r\n*2\r\n:1\r\n$-1\r\n-inner\r\n";
  const Texts expected{
      "'OK'",         "42", "-9223372036854775808",       "error 'ERR no such'", "nil", "nil", "''",
      "'a\r\nb\r\n'", "[]", "['x' [1 nil] error 'inner']"};
  for (size_t split = 0; split <= bytes.size(); ++split) {
    ReplyReader reader;
    ASSERT_TRUE(reader.feed(bytes.substr(0, split)));
    Texts replies = read_all(reader);
    ASSERT_TRUE(reader.feed(bytes.substr(split)));
    for (const std::string& reply : read_all(reader)) replies.push_back(reply);
    EXPECT_EQ(replies, expected) << "split at " << split;
  }
  ReplyReader reader;
  Texts replies;
  for (const char byte : bytes) {
    ASSERT_TRUE(reader.feed({&byte, 1}));
    for (const std::string& reply : read_all(reader)) replies.push_back(reply);
  }
  EXPECT_EQ(replies, expected);
}

TEST(RedisReplies, GarbageIsAnError) {
  for (const char* bytes : {"HTTP/1.1 400 Bad Request\r\n", "hello\r\n", ":12x\r\n", "$-2\r\n", "*-2\r\n",
                            "$99999999999999999999\r\n", "*99999999999999999999\r\n", "\r\n",
                            "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"}) {
    ReplyReader reader;
    ASSERT_TRUE(reader.feed(bytes));
    EXPECT_EQ(read_all(reader), Texts{"broken"}) << bytes;
    // It stays broken: no later byte is taken for a reply.
    reader.feed("+OK\r\n");
    EXPECT_EQ(read_all(reader), Texts{"broken"}) << bytes;
  }
}

TEST(RedisReplies, OfAnotherKindAreEmpty) {
  ReplyReader reader;
  ASSERT_TRUE(reader.feed("$2\r\n17\r\n:17\r\n*1\r\n:17\r\n"));
  const Reply text(*reader.next());
  EXPECT_EQ(text.integer(), 0);
  EXPECT_EQ(text.size(), 0u);
  EXPECT_TRUE(text[0].is_nil());
  EXPECT_EQ(Reply(*reader.next()).text(), "");
  const Reply array(*reader.next());
  EXPECT_EQ(array.integer(), 0);
  EXPECT_EQ(array.text(), "");
  EXPECT_EQ(array[0].integer(), 17);
  EXPECT_TRUE(array[1].is_nil());
  EXPECT_TRUE(array[1][2][3].is_nil());
  EXPECT_TRUE(Reply(nullptr).is_nil());
  EXPECT_EQ(Reply(nullptr).text(), "");
}

// One whose beginning came long before its end, behind others.
TEST(RedisReplies, MayBeOfAnySizeAndComeInPieces) {
  const std::string text(300'000, 'x');
  std::string bytes = "*1000\r\n";
  for (int i = 0; i < 1000; ++i) bytes += i == 500 ? "$300000\r\n" + text + "\r\n" : "$1\r\ny\r\n";
  ReplyReader reader;
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(reader.feed("+OK\r\n"));
    EXPECT_EQ(read_all(reader), Texts{"'OK'"});
    for (size_t at = 0; at < bytes.size(); at += 1000) {
      const auto early = reader.next();
      ASSERT_TRUE(early && !*early);
      ASSERT_TRUE(reader.feed(std::string_view(bytes).substr(at, 1000)));
    }
    const Reply whole(*reader.next());
    ASSERT_EQ(whole.size(), 1000u);
    EXPECT_EQ(whole[0].text(), "y");
    EXPECT_EQ(whole[500].text(), text);
    EXPECT_EQ(whole[999].text(), "y");
  }
}

TEST(RedisErrors, SayWhatToDo) {
  EXPECT_EQ(to_error("WRONGPASS invalid").code, Errc::unavailable);
  EXPECT_NE(to_error("NOAUTH Authentication required.").detail.find("redis-url"), std::string::npos);
  EXPECT_NE(to_error("NOPERM this user").detail.find("permission"), std::string::npos);
  EXPECT_NE(to_error("OOM command not allowed").detail.find("maxmemory"), std::string::npos);
  EXPECT_EQ(to_error("ERR x").detail, "Redis: ERR x");
  EXPECT_EQ(to_error("").detail, "Redis: ");
  EXPECT_LT(to_error("ERR " + std::string(10'000, 'x')).detail.size(), 300u);
}

TEST(RedisErrors, OfAClusterAreOfTheServer) {
  const Error moved = to_error("MOVED 3999 127.0.0.1:6381"), ask = to_error("ASK 3999 127.0.0.1:6381"),
              again = to_error("TRYAGAIN Multiple keys request during rehashing of slot");
  EXPECT_TRUE(has_moved(moved) && !has_moved(ask) && !has_moved({Errc::unavailable, "MOVED"}));
  EXPECT_TRUE(is_migrating(ask) && is_migrating(again) && !is_migrating(moved));
  for (const Error& error : {moved, ask, again}) EXPECT_TRUE(is_of_the_server(error) && is_refusal(error));
}

}  // namespace
}  // namespace gw::redis
