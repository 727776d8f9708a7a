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

TEST_F(ServerLimits, ConnectionsInUseAreBounded) {
  options.connections_max = 2;
  start();
  Client first = connect(get("/later"));
  Client second = connect(get("/later"));
  ASSERT_TRUE(turn_until([&] { return waiting.size() == 2; }));
  Client third = connect(get("/"));
  const ReceivedResponse refused = third.response();
  EXPECT_EQ(refused.status, 503);
  EXPECT_TRUE(refused.has("Retry-After: 1"));
  EXPECT_TRUE(third.wait_for_end());
  waiting[0].send(Response::json(200, "first"));
  EXPECT_EQ(first.response().body, "first");
  EXPECT_EQ(connect(get("/")).response().status, 200);
}

TEST_F(ServerLimits, TheLongestUnusedMakesRoom) {
  options.connections_max = 3;
  start();
  Client first = connect(get("/"));
  Client second = connect("GET /slow HT");
  Client third = connect();
  first.response();
  first.send(get("/again"));
  first.response();
  Client fourth = connect(get("/"));
  EXPECT_EQ(fourth.response().status, 200);
  EXPECT_TRUE(second.wait_for_end());
  Client fifth = connect(get("/"));
  EXPECT_EQ(fifth.response().status, 200);
  EXPECT_TRUE(third.wait_for_end());
  first.send(get("/still"));
  EXPECT_EQ(first.response().body, "GET /still");
  EXPECT_EQ(server->stats().connections, 3u);
}

TEST_F(ServerLimits, SomePathsAreAnsweredAboveTheLimits) {
  options.connections_max = 1;
  options.always_paths = {"/health"};
  start();
  Client busy = connect(get("/later"));
  ASSERT_TRUE(turn_until([&] { return !waiting.empty(); }));
  Client probe = connect(get("/health"));
  const ReceivedResponse response = probe.response();
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(response.has("Connection: close"));
  EXPECT_TRUE(probe.wait_for_end());
  EXPECT_EQ(connect(get("/healthy")).response().status, 503);
  // Whoever only begins to ask for the health keeps nobody out.
  std::vector<Client> slow;
  for (int i = 0; i < 300; ++i) slow.push_back(connect("GET /health HTTP/1.1\r\n"));
  EXPECT_EQ(connect(get("/health")).response().status, 200);
  EXPECT_LE(server->stats().connections, 102u);
}

TEST_F(ServerLimits, OneKeyLeavesRoomForTheStreamsOfOthers) {
  options.connections_max = 8;
  const int keys[] = {0, 0};
  std::vector<Stream> streams;
  start([&](Request& request, Responder responder) {
    responder.bill(&keys[request.path == "/other" ? 1 : 0]);
    streams.push_back(responder.stream({}));
  });
  std::vector<Client> greedy;
  for (int i = 0; i < 6; ++i) {
    greedy.push_back(connect(get("/stream")));
    ASSERT_TRUE(greedy.back().wait_for_text("200 OK"));
  }
  EXPECT_EQ(connect(get("/stream")).response().status, 503);
  EXPECT_FALSE(streams.back().is_open());
  Client other = connect(get("/other"));
  EXPECT_TRUE(other.wait_for_text("200 OK"));
  greedy.clear();
  ASSERT_TRUE(turn_until([&] { return server->stats().streams == 1; }));
  Client again = connect(get("/stream"));
  EXPECT_TRUE(again.wait_for_text("200 OK"));
}

TEST_F(ServerLimits, AnAddressHasOnlySoManyConnections) {
  options.connections_max = 100;
  options.address_connections_max = 2;
  options.always_paths = {"/health"};
  int key = 0;
  start([&](Request& request, Responder responder) {
    if (request.field("Authorization")) responder.bill(&key);
    if (request.path == "/later") return waiting.push_back(responder);
    responder.send({});
  });
  const char* guest = "203.0.113.9:5000";
  Client first = connect_from(guest);
  Client second = connect_from(guest, get("/later", "Authorization: Bearer right\r\n"));
  ASSERT_TRUE(turn_until([&] { return !waiting.empty(); }));
  Client third = connect_from(guest);
  Client fourth = connect_from(guest, get("/"));
  const ReceivedResponse refused = fourth.response();
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.body.find("too_many_connections"), std::string::npos);
  EXPECT_TRUE(fourth.wait_for_end());
  EXPECT_EQ(connect_from(guest, get("/health")).response().status, 200);
  EXPECT_EQ(connect_from("203.0.113.10:5000", get("/")).response().status, 200);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(connect_from("127.0.0.1:1", get("/")).response().status, 200);
  first.reset();
  ASSERT_TRUE(turn_until([&] { return connect_from(guest, get("/")).response().status == 200; }));
}

TEST_F(ServerLimits, BytesOfRequestsAreBoundedTogether) {
  options.requests_bytes_max = 100'000;
  start();
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n";
  Client first = connect_from("203.0.113.9:1", head);
  Client second = connect_from("203.0.113.10:1", head);
  first.send(std::string(40'000, 'x'));
  ASSERT_TRUE(turn_until([&] { return server->stats().buffered_bytes >= 40'000; }));
  second.send(std::string(70'000, 'x'));
  EXPECT_EQ(second.response().status, 503);  // who holds most
  first.send(std::string(50'000, 'x'));
  EXPECT_EQ(first.response().status, 200);
}

TEST_F(ServerLimits, UnreadAnswersCostWhoeverHoldsMost) {
  options.requests_bytes_max = size_t{4} << 20;
  const std::string large(size_t{1} << 20, 'x');
  start([&](Request& request, Responder responder) {
    responder.send(Response::json(200, request.path == "/large" ? large : "small"));
  });
  std::vector<Client> unread;
  for (int i = 0; i < 10; ++i) {
    unread.push_back(connect_from("203.0.113.9:1", {}, 4096));
    unread.back().send(get("/large") + get("/large") + get("/large"));
    EXPECT_EQ(connect_from("203.0.113.10:1", get("/small")).response().body, "small");
    EXPECT_LE(server->stats().buffered_bytes, options.requests_bytes_max);
  }
}

// The next request is for the WebSocket, and the answer before it is not read: so nothing is read either.
TEST_F(ServerLimits, WhatStandsBehindAnUpgradeThatWaitsIsNotRead) {
  const std::string large(size_t{16} << 20, 'x');  // more than the socket takes
  start([&](Request&, Responder responder) { responder.send(Response::json(200, large)); });
  size_t upgrades = 0;
  server->on_upgrade([&](const Handover&) { ++upgrades; });
  Client client = connect({}, 4096);
  client.send(get("/") + get("/ws"));
  ASSERT_TRUE(turn_until([&] { return server->stats().requests_total == 1; }));
  const std::string junk(size_t{1} << 20, 'x');
  for (int i = 0; i < 200; ++i) {
    write_some(client.fd(), junk);
    loop.turn(1ms);
  }
  EXPECT_LT(server->stats().buffered_bytes, size_t{17} << 20);
  EXPECT_EQ(upgrades, 0u);
  EXPECT_EQ(client.response().body.size(), large.size());
  EXPECT_TRUE(turn_until([&] { return upgrades == 1; }));
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
