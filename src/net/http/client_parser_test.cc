#include "net/http/client_parser.h"

#include <gtest/gtest.h>

namespace gw::http {
namespace {

// The body, or what was wrong; `step` bytes at a time.
std::string parsed(std::string_view bytes, size_t step, bool ended = false, size_t body_max = 1000) {
  ClientParser parser(body_max);
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    const Result<bool> complete = parser.put(bytes.substr(0, step));
    if (!complete) return to_string(complete.error().code);
    if (*complete) return std::to_string(parser.status()) + " " + parser.take_body();
  }
  if (!ended) return "more";
  const Result<bool> complete = parser.put_end();
  if (!complete) return to_string(complete.error().code);
  return std::to_string(parser.status()) + " " + parser.take_body();
}

void expect(std::string_view bytes, const std::string& outcome, bool ended = false) {
  for (const size_t step : {size_t{1}, size_t{7}, size_t{100'000}}) {
    EXPECT_EQ(parsed(bytes, step, ended), outcome) << bytes.substr(0, 100) << " by " << step;
  }
}

TEST(ClientParser, TakesEveryFraming) {
  expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 hello");
  expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
         "200 hello");
  expect("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404 ");
  expect("HTTP/1.1 204 No Content\r\n\r\n", "204 ");
  expect("HTTP/1.0 200 OK\r\n\r\nhello", "200 hello", true);
}

TEST(ClientParser, AnEmptyChunkedAnswerMayComeInPieces) {
  expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "200 ");
  expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "more");
}

TEST(ClientParser, WaitsForTheRest) {
  expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "more");
  expect("HTTP/1.1 200 OK\r\nCont", "more");
  expect("HTTP/1.0 200 OK\r\n\r\nhello", "more");
}

TEST(ClientParser, AnEndWithinAnAnswerIsTheConnectionsFault) {
  expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "unavailable", true);
  expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n", "unavailable", true);
  expect("HTTP/1.1 200 OK\r\n", "unavailable", true);
  expect("", "unavailable", true);
}

TEST(ClientParser, RefusesWhatIsNoHttp) {
  expect("SSH-2.0-OpenSSH_9.2\r\n\r\n", "protocol_error");
  expect("HTTP/1.1 abc OK\r\n\r\n", "protocol_error");
  expect("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "protocol_error");
  expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "protocol_error");
  expect(std::string(4, '\0'), "protocol_error");
}

TEST(ClientParser, RefusesTooMuch) {
  expect("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", "too_large");
  expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'a'),
         "too_large");
  expect("HTTP/1.0 200 OK\r\n\r\n" + std::string(1001, 'a'), "too_large");
  expect("HTTP/1.1 200 OK\r\nA: " + std::string(20'000, 'a'), "too_large");
}

}  // namespace
}  // namespace gw::http
