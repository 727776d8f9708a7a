#include "net/http/server.h"

#include "net/http/server_testing.h"

namespace gw::http {
namespace {

TEST_F(ServerTest, AnswersAndKeepsTheConnection) {
  start();
  Client client = connect(get("/a?b=c"));
  const ReceivedResponse first = client.response();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.body, "GET /a?b=c");
  EXPECT_TRUE(first.has("Content-Type: application/json"));
  EXPECT_TRUE(first.has("X-Content-Type-Options: nosniff"));
  EXPECT_TRUE(first.has("Cache-Control: no-store"));
  client.send(post("/b", "body"));
  EXPECT_EQ(client.response().body, "POST /b body");
  EXPECT_EQ(server->stats().connections, 1u);
  EXPECT_EQ(server->stats().requests_total, 2u);
}

TEST_F(ServerTest, ARequestMayComeByteByByte) {
  start();
  Client client = connect();
  for (const char c : post("/slow", "body")) {
    client.send({&c, 1});
    loop.turn(20ms);
  }
  EXPECT_EQ(client.response().body, "POST /slow body");
}

TEST_F(ServerTest, PipelinedRequestsAreHandledInOneTurnAndAnsweredInOneWrite) {
  size_t handled = 0;
  start([&](Request& request, Responder responder) {
    ++handled;
    responder.send(Response::json(200, std::string(request.body)));
  });
  std::string burst;
  for (int i = 0; i < 16; ++i) burst += post("/send", std::to_string(i));
  Client client = connect();
  client.send(burst);
  ASSERT_TRUE(turn_until([&] { return handled != 0; }));
  EXPECT_EQ(handled, 16u);
  std::array<char, 65536> buffer;
  wait_readable(client.fd());
  const IoResult read = read_some(client.fd(), buffer);
  const std::string text(buffer.data(), read.bytes);
  size_t responses = 0;
  for (size_t at = 0; (at = text.find("HTTP/1.1 200 OK", at)) != std::string::npos; ++at) ++responses;
  EXPECT_EQ(responses, 16u);
}

TEST_F(ServerTest, AnswersKeepTheOrderOfTheRequests) {
  start();
  Client client = connect();
  client.send(get("/later/1") + get("/2") + get("/later/3") + get("/4"));
  ASSERT_TRUE(turn_until([&] { return waiting.size() == 2 && server->stats().requests_total == 4; }));
  client.receive();
  EXPECT_EQ(client.text(), "");
  waiting[1].send(Response::json(200, "third"));
  loop.turn(1s);
  client.receive();
  EXPECT_EQ(client.text(), "");
  waiting[0].send(Response::json(200, "first"));
  EXPECT_EQ(client.response().body, "first");
  EXPECT_EQ(client.response().body, "GET /2");
  EXPECT_EQ(client.response().body, "third");
  EXPECT_EQ(client.response().body, "GET /4");
}

TEST_F(ServerTest, UnansweredRequestsOfAConnectionAreBounded) {
  options.pipeline_max = 4;
  start();
  Client client = connect();
  std::string burst;
  for (int i = 0; i < 10; ++i) burst += get("/later/" + std::to_string(i));
  client.send(burst);
  ASSERT_TRUE(turn_until([&] { return waiting.size() == 4; }));
  loop.turn(20ms);
  EXPECT_EQ(waiting.size(), 4u);
  for (size_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(turn_until([&] { return waiting.size() > i; })) << i;
    waiting[i].send(Response::json(200, std::to_string(i)));
  }
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(client.response().body, std::to_string(i));
}

TEST_F(ServerTest, AClientThatReadsNoAnswersIsReadNoFurther) {
  const std::string large(100'000, 'x');
  start([&](Request&, Responder responder) { responder.send(Response::json(200, large)); });
  Client client = connect({}, 4096);
  std::string burst;
  for (int i = 0; i < 200; ++i) burst += get("/");
  client.send(burst);
  ASSERT_TRUE(turn_until([&] { return server->stats().requests_total >= 10; }));
  for (int i = 0; i < 20; ++i) loop.turn(1ms);
  EXPECT_LT(server->stats().requests_total, 100u);
  EXPECT_LT(server->stats().buffered_bytes, size_t{2} << 20);
  for (int i = 0; i < 200; ++i) ASSERT_EQ(client.response().body.size(), large.size());
  EXPECT_EQ(server->stats().buffered_bytes, 0u);
}

TEST_F(ServerTest, HeadHasTheHeadOfGetAlone) {
  start();
  Client client = connect("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(client.response(true).has("Content-Length: 7"));
  client.send(get("/y"));
  EXPECT_EQ(client.response().body, "GET /y");  // no body of the first stood between
}

TEST_F(ServerTest, ChunkedBodiesAreUnchunked) {
  start();
  Client client = connect("POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
  client.send("2\r\nde\r\n0\r\n\r\n" + get("/next"));
  EXPECT_EQ(client.response().body, "POST /c abcde");
  EXPECT_EQ(client.response().body, "GET /next");
}

TEST_F(ServerTest, AbsoluteFormNamesTheHost) {  // RFC 9112 3.2.2
  std::string host, path;
  start([&](Request& request, Responder responder) {
    host = request.host;
    path = request.path;
    responder.send({});
  });
  const auto ask = [&](std::string_view authority) {
    return connect("GET http://other.example:81/p?q HTTP/1.1\r\nHost: " + std::string(authority) + "\r\n\r\n")
        .response()
        .status;
  };
  EXPECT_EQ(ask("Other.Example:81"), 200);
  EXPECT_EQ(host, "other.example:81");
  EXPECT_EQ(path, "/p");
  for (const char* other : {"a", "other.example", "other.example:80", ""})
    EXPECT_EQ(ask(other), 400) << other;
  for (const char* target : {"*", "p", "http:///p", "http://u@h/p", "ftp://h/p"}) {
    EXPECT_EQ(connect(get(target)).response().status, 400) << target;
  }
}

TEST_F(ServerTest, TheServerAsAWholeHasOptions) {  // RFC 9112 3.2.4
  start();
  Client client = connect("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n" + get("/next"));
  const ReceivedResponse response = client.response();
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(client.response().body, "GET /next");
  EXPECT_EQ(connect("GET * HTTP/1.1\r\nHost: a\r\n\r\n").response().status, 400);
}

TEST_F(ServerTest, LinesForAnyAnswerComeWithIt) {
  start([this](Request& request, Responder responder) {
    responder.add_header("Vary", "Origin");
    if (request.path == "/later") return waiting.push_back(responder);
    responder.send(Response::error(404, "not_found", "no such path"));
  });
  EXPECT_TRUE(connect(get("/")).response().has("Vary: Origin"));
  Client later = connect(get("/later"));
  ASSERT_TRUE(turn_until([&] { return !waiting.empty(); }));
  waiting[0].send({});
  EXPECT_TRUE(later.response().has("Vary: Origin"));
}

TEST_F(ServerTest, ContinueIsSaidBeforeTheBodyIsSent) {
  start();
  Client client = connect("POST /e HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(client.wait_for_text("HTTP/1.1 100 Continue\r\n\r\n"));
  client.send("ok");
  client.response();  // the interim one
  EXPECT_EQ(client.response().body, "POST /e ok");
  EXPECT_EQ(connect(get("/", "Expect: miracles\r\n")).response().status, 417);
}

TEST_F(ServerTest, ClosesWhenAskedAndAfterHttp10) {
  start();
  for (const std::string& request :
       {get("/", "Connection: close\r\n"), std::string("GET / HTTP/1.0\r\n\r\n")}) {
    Client client = connect(request + get("/never"));
    const ReceivedResponse response = client.response();
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(response.has("Connection: close"));
    EXPECT_TRUE(client.wait_for_end());
    EXPECT_EQ(client.text(), "");
  }
}

TEST_F(ServerTest, AClientMayCloseItsSideAndStillBeAnswered) {
  start();
  Client client = connect();
  client.send(get("/later") + get("/2"));
  client.end();
  ASSERT_TRUE(turn_until([&] { return !waiting.empty(); }));
  loop.turn(20ms);
  waiting[0].send(Response::json(200, "late"));
  EXPECT_EQ(client.response().body, "late");
  EXPECT_EQ(client.response().body, "GET /2");
  EXPECT_TRUE(client.wait_for_end());
  EXPECT_TRUE(turn_until([&] { return server->stats().connections == 0; }));
}

TEST_F(ServerTest, AForgottenAnswerIs500) {
  start([](Request&, Responder) {});
  Client client = connect(get("/"));
  const ReceivedResponse response = client.response();
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, R"({"success":false,"error":"the request was not answered","code":"internal"})");
  EXPECT_EQ(server->stats().responses_5xx_total, 1u);
}

TEST_F(ServerTest, AnAnswerToAClientThatLeftIsIgnored) {
  start();
  Client client = connect(get("/later"));
  ASSERT_TRUE(turn_until([&] { return !waiting.empty(); }));
  EXPECT_TRUE(waiting[0].is_waiting());
  const linger abort{1, 0};  // a reset: nobody is there any more
  ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  client.reset();
  ASSERT_TRUE(turn_until([&] { return server->stats().connections == 0; }));
  EXPECT_FALSE(waiting[0].is_waiting());
  waiting[0].send(Response::json(200, "to nobody"));
  waiting.clear();
  EXPECT_FALSE(loop.turn(20ms));
}

TEST_F(ServerTest, ForwardedHeadersCountFromTrustedProxiesOnly) {
  std::string seen;
  const auto handler = [&](Request& request, Responder responder) {
    seen =
        request.remote_address.text() + " " + std::string(request.scheme) + " " + std::string(request.host);
    responder.send({});
  };
  const std::string request =
      get("/", "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: b\r\n");
  start(handler);
  connect(request).response();
  EXPECT_EQ(seen, "127.0.0.1 http a");
  options.trusted_proxies = {*IpNetwork::parse("127.0.0.0/8")};
  start(handler);
  connect(request).response();
  EXPECT_EQ(seen, "203.0.113.9 https b");
}

TEST_F(ServerTest, AKeptConnectionThatAsksForTheWebSocketGoesBack) {
  start();
  std::vector<Handover> upgrades;
  server->on_upgrade([&](Handover handover) { upgrades.push_back(std::move(handover)); });
  Client client = connect();
  const std::string upgrade = get("/ws?token=t", "Upgrade: websocket\r\n") + "early";
  client.send(get("/first") + upgrade);
  EXPECT_EQ(client.response().body, "GET /first");
  ASSERT_TRUE(turn_until([&] { return !upgrades.empty(); }));
  EXPECT_EQ(upgrades[0].bytes, upgrade);
  EXPECT_EQ(upgrades[0].peer, *local_address(client.fd()));
  EXPECT_EQ(server->stats().connections, 0u);
  write_some(upgrades[0].fd.get(), "from the other side");
  EXPECT_TRUE(client.wait_for_text("from the other side"));
}

TEST_F(ServerTest, TheWebSocketPathWaitsForEarlierAnswers) {
  start();
  size_t upgrades = 0;
  server->on_upgrade([&](const Handover&) { ++upgrades; });
  Client client = connect();
  client.send(get("/later") + get("/ws"));
  ASSERT_TRUE(turn_until([&] { return !waiting.empty(); }));
  loop.turn(20ms);
  EXPECT_EQ(upgrades, 0u);
  waiting[0].send(Response::json(200, "first"));
  EXPECT_EQ(client.response().body, "first");
  EXPECT_TRUE(turn_until([&] { return upgrades == 1; }));
}

TEST_F(ServerTest, InsideListenersMarkTheirRequests) {
  start([](Request& request, Responder responder) {
    responder.send(Response::json(200, request.ops ? "inside" : "outside"));
  });
  const SocketAddress address = *server->listen_ops(*SocketAddress::parse("127.0.0.1:0"));
  Client inside(*this, address, 0);
  inside.send(get("/"));
  EXPECT_EQ(inside.response().body, "inside");
  EXPECT_EQ(connect(get("/")).response().body, "outside");
}

TEST_F(ServerTest, StoppingFinishesWhatWasBegun) {
  start();
  Client idle = connect(get("/"));
  idle.response();
  Client busy = connect(get("/later"));
  ASSERT_TRUE(turn_until([&] { return !waiting.empty(); }));
  const SocketAddress ops = *server->listen_ops(*SocketAddress::parse("127.0.0.1:0"));
  server->begin_stop();
  EXPECT_TRUE(idle.wait_for_end());
  EXPECT_FALSE(server->is_idle());
  waiting[0].send(Response::json(200, "done"));
  const ReceivedResponse last = busy.response();
  EXPECT_EQ(last.body, "done");
  EXPECT_TRUE(last.has("Connection: close"));
  EXPECT_TRUE(busy.wait_for_end());
  EXPECT_TRUE(server->is_idle());
  Client late = connect(get("/late"));
  EXPECT_TRUE(late.response().has("Connection: close"));
  Client probe(*this, ops, 0);
  probe.send(get("/health"));
  EXPECT_FALSE(probe.response().has("Connection: close"));
}

TEST_F(ServerTest, GoesAwayWithOpenConnections) {
  start();
  Client half = connect("GET / HT");
  Client busy = connect(get("/later"));
  ASSERT_TRUE(turn_until([&] { return !waiting.empty(); }));
  server.reset();
  waiting[0].send(Response::json(200, "too late"));
  waiting.clear();
  EXPECT_TRUE(half.wait_for_end());
  EXPECT_TRUE(busy.wait_for_end());
}

}  // namespace
}  // namespace gw::http
