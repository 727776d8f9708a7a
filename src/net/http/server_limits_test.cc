// What a hostile or slow client gets, and that it costs nobody else anything.
#include "net/http/server_testing.h"

namespace gw::http {
namespace {

using ServerLimits = ServerTest;

TEST_F(ServerLimits, SmuggledRequestsAreRefusedAndNothingAfterThemIsRead) {
  start();
  const std::string second = get("/smuggled");
  const std::string host = "POST /x HTTP/1.1\r\nHost: a\r\n";
  const std::string attacks[] = {
      host + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" + second,
      host + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + second,
      host + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + second,
      host + "Content-Length: 0\r\nContent-Length: " + std::to_string(second.size()) + "\r\n\r\n" + second,
      host + "Content-Length: +0\r\n\r\n" + second,
      host + "Content-Length: 0,0\r\n\r\n" + second,
      host + "Content-Length : 0\r\n\r\n" + second,
      host + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + second,
      host + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n" + second,
      host + "Transfer-Encoding: chunked\r\n\r\n0\n\r\n" + second,
      host + "Transfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n" + second,
      host + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + second,
      host + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + second,
      host + "X: a\rTransfer-Encoding: chunked\r\n\r\n" + second,
      "POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + second,
      "POST /x HTTP/1.1\nHost: a\n\n" + second,
  };
  for (const std::string& attack : attacks) {
    Client client = connect(attack);
    const ReceivedResponse response = client.response();
    EXPECT_TRUE(response.status == 400 || response.status == 501) << attack << response.head;
    EXPECT_TRUE(response.has("Connection: close"));
    EXPECT_TRUE(client.wait_for_end());
    EXPECT_EQ(client.text(), "") << attack;
  }
  EXPECT_EQ(server->stats().requests_total, 0u);
}

TEST_F(ServerLimits, TooLargeIsSaidBeforeTheBodyIsRead) {
  options.body_bytes_max = 100;
  start();
  const std::string length = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: ";
  Client client = connect(length + "101\r\n\r\n");
  EXPECT_EQ(client.response().status, 413);
  EXPECT_TRUE(client.wait_for_end());
  EXPECT_EQ(connect(length + "101\r\nExpect: 100-continue\r\n\r\n").response().status, 413);
  EXPECT_EQ(connect(post("/x", std::string(100, 'y'))).response().status, 200);

  const std::string chunked = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(connect(chunked + "65\r\n").response().status, 413);
  EXPECT_EQ(connect(chunked + "32\r\n" + std::string(50, 'y') + "\r\n33\r\n").response().status, 413);
  EXPECT_EQ(connect(chunked + "64\r\n" + std::string(100, 'y') + "\r\n0\r\n\r\n").response().status, 200);
}

TEST_F(ServerLimits, TheAnswerSurvivesABodyThatKeepsComing) {
  options.body_bytes_max = 100;
  start();
  // The rest is still on its way when the answer is given: closing at once would reset the connection.
  Client client = connect("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
  client.send(std::string(200'000, 'y'));
  EXPECT_EQ(client.response().status, 413);
  EXPECT_TRUE(client.wait_for_end());
}

TEST_F(ServerLimits, LargeHeadersAre431) {
  start();
  EXPECT_EQ(connect("GET / HTTP/1.1\r\nX: " + std::string(20'000, 'y')).response().status, 431);
  EXPECT_EQ(server->stats().responses_4xx_total, 1u);
}

TEST_F(ServerLimits, ASlowHeadIs408AndAnIdleConnectionJustCloses) {
  options.head_timeout = 50ms;
  options.idle_timeout = 50ms;
  start();
  Client slow = connect("GET / HTTP/1.1\r\nHo");
  const ReceivedResponse response = slow.response();
  EXPECT_EQ(response.status, 408);
  EXPECT_TRUE(response.has("Connection: close"));
  EXPECT_TRUE(slow.wait_for_end());
  Client idle = connect(get("/"));
  EXPECT_EQ(idle.response().status, 200);
  EXPECT_TRUE(idle.wait_for_end());
  EXPECT_EQ(idle.text(), "");
}

TEST_F(ServerLimits, ASlowBodyIs408HoweverSteadilyItDrips) {
  options.body_timeout = 300ms;
  options.head_timeout = 30s;
  start();
  for (const char* head : {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n",
                           "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    Client client = connect(head);
    const std::string drip =
        std::string_view(head).find("chunked") == std::string_view::npos ? "x" : "1\r\nx\r\n";
    ASSERT_TRUE(turn_until([&] {
      if (client.text().empty()) client.send(drip);
      client.receive();
      return client.text().find("HTTP/1.1 408 ") == 0;
    }));
  }
}

TEST_F(ServerLimits, AHandlerMayTakeLongerThanAnyTimeout) {
  options.head_timeout = options.body_timeout = options.idle_timeout = 20ms;
  start();
  Client client = connect(get("/later"));
  ASSERT_TRUE(turn_until([&] { return !waiting.empty(); }));
  const TimePoint until = steady_now() + 600ms;  // more than two sweeps
  turn_until([&] { return steady_now() > until; });
  waiting[0].send(Response::json(200, "at last"));
  EXPECT_EQ(client.response().body, "at last");
}

TEST_F(ServerLimits, APeerThatTakesNothingIsClosed) {
  options.write_timeout = 100ms;
  const std::string large(16 << 20, 'x');
  start([&](Request&, Responder responder) { responder.send(Response::json(200, large)); });
  Client client = connect(get("/"), 4096);
  EXPECT_TRUE(turn_until([&] { return server->stats().connections == 0; }));
  EXPECT_EQ(server->stats().buffered_bytes, 0u);
}

TEST_F(ServerLimits, ConnectionsAreBounded) {
  options.connections_max = 2;
  start();
  Client first = connect(get("/"));
  first.response();
  Client second = connect();
  Client third = connect(get("/"));
  const ReceivedResponse refused = third.response();
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.has("Retry-After: 1"));
  EXPECT_TRUE(third.wait_for_end());
  first.send(get("/again"));
  EXPECT_EQ(first.response().status, 200);
  second.reset();
  ASSERT_TRUE(turn_until([&] { return server->stats().connections == 1; }));
  EXPECT_EQ(connect(get("/")).response().status, 200);
}

TEST_F(ServerLimits, BufferedBytesOfAllAreBounded) {
  options.buffered_bytes_max = 100'000;
  start();
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n";
  Client first = connect(head);
  Client second = connect(head);
  first.send(std::string(60'000, 'x'));
  ASSERT_TRUE(turn_until([&] { return server->stats().buffered_bytes >= 60'000; }));
  second.send(std::string(60'000, 'x'));
  EXPECT_EQ(second.response().status, 503);
  first.send(std::string(30'000, 'x'));
  EXPECT_EQ(first.response().status, 200);
}

TEST_F(ServerLimits, WhatACompletedRequestTookIsGivenBack) {
  start();
  std::vector<Client> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(connect(post("/", std::string(50'000, 'x'))));
    EXPECT_EQ(clients.back().response().status, 200);
  }
  EXPECT_EQ(server->stats().buffered_bytes, 0u);
  for (Client& client : clients) client.reset();
  EXPECT_TRUE(turn_until([&] { return server->stats().connections == 0; }));
}

}  // namespace
}  // namespace gw::http
