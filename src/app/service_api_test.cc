// The service API on the memory engine, over real sockets. The black-box suite has its many cases; here is
// what needs an address that is not this machine's, a small bound, or a look inside.
#include "app/service_api.h"

#include <set>

#include "engine/memory/engine.h"
#include "json/json.h"
#include "net/http/server_testing.h"
#include "post_office/http_api/documents.h"

namespace gw {
namespace {

using http::get;

constexpr std::string_view kKey = "Authorization: Bearer root-key\r\n";
constexpr std::string_view kPage = "https://studio.example";
constexpr std::string_view kTenantKey = "Authorization: Bearer acme-key\r\n";

ApiKey key(std::string_view secret) {
  ApiKey key;
  key.digest = sha256(secret);
  key.scopes = ScopeSet::all();
  return key;
}

std::string post(std::string_view target, std::string_view body, std::string_view fields = kKey) {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: a\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

class ServiceApiTest : public http::ServerTest {
 protected:
  ServiceApiTest() {
    ServiceApiOptions api_options;
    api_options.keys = {key("root-key"), key("acme-key")};
    api_options.keys[1].tenant_id = "acme";
    api_options.instance_id = "gw-1";
    api_options.console = api_options.test_endpoints = true;
    api_options.allowed_origins = {std::string(kPage)};
    api = std::make_unique<ServiceApi>(
        std::move(api_options), ServiceApi::Parts{loop, gateway, traffic_cop, post_office, engine, nullptr,
                                                  [] { return ReloadOutcome{}; }});
    engine.clients().attach({[this](const Publication& publication) {
                               published.push_back(publication.message);
                               return Result<void>();
                             },
                             [](const ConnectionHandle&, std::string_view) { return Result<void>(); }});
    engine.start();
    options.trusted_proxies = {*IpNetwork::parse("127.0.0.0/8")};
  }

  ~ServiceApiTest() override { server.reset(); }

  void serve() {
    start([this](http::Request& request, http::Responder responder) {
      api->handle(request, std::move(responder));
    });
    api->watch(*server);
  }

  Client subscribe(std::string_view query = "channel=guide", int receive_buffer = 0) {
    Client client =
        connect(get("/api/post-office/websocket/subscribe?" + std::string(query), kKey), receive_buffer);
    EXPECT_TRUE(client.wait_for_text(": subscribed\n\n"));
    return client;
  }

  Submitted submit(std::string id, std::string envelope) {
    AgentMessage message;
    message.message_id = std::move(id);
    message.envelope = std::move(envelope);
    Submitted outcome{};
    engine.agents().submit(std::move(message), [&](Result<Submitted> result) { outcome = *result; });
    return outcome;
  }

  const ChannelTable channels{{"guide", "pillar:content"}};
  memory::Engine engine{loop, channels, {"gw-1", "websocket:", {}, {100, 100, 1h}, {}, {}, {}}};
  TrafficCop traffic_cop{engine.sessions(), channels, [this] { return loop.wall_now(); }};
  PostOffice post_office{engine, channels, {100'000}, [this] { return loop.wall_now(); }};
  Gateway gateway{{}, {loop, channels, engine, {}}};
  std::unique_ptr<ServiceApi> api;
  std::vector<std::string> published;
};

// "{session_id}" and "{id}" are the same place.
std::string without_names(std::string_view pattern) {
  std::string out;
  bool inside = false;
  for (const char c : pattern) {
    if (!inside || c == '}') out.push_back(c);
    inside = c == '{' || (inside && c != '}');
  }
  return out;
}

TEST_F(ServiceApiTest, EveryRouteIsDocumentedAndNoOther) {
  std::set<std::string> served;
  for (const http::Router::Route& route : api->routes()) {
    served.insert(std::string(route.method) + " " + without_names(route.pattern));
  }
  std::set<std::string> documented;
  const json::Object document = *json::parse_object(http_api::openapi_document());
  for (const json::Member& path : json::members(*document.find("paths"))) {
    for (const json::Member& operation : json::members(path.value())) {
      if (operation.key() == "parameters") continue;
      std::string method = operation.key();
      for (char& c : method) c = static_cast<char>(c - 'a' + 'A');
      documented.insert(method + " " + without_names(path.key()));
    }
  }
  // The shards serve these.
  for (const char* const theirs : {"GET /ws", "GET /connection/sse", "POST /connection/sse"})
    EXPECT_EQ(documented.erase(theirs), 1u) << theirs;
  EXPECT_EQ(served, documented);
}

TEST_F(ServiceApiTest, WhoGuessesKeysWaitsAndNobodyElse) {
  serve();
  const std::string target = "/api/post-office/websocket/connection-count";
  const auto ask = [&](std::string_view from, std::string_view key_line) {
    return connect(get(target, "X-Forwarded-For: " + std::string(from) + "\r\n" + std::string(key_line)))
        .response();
  };
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(ask("203.0.113.9", "Authorization: Bearer guess" + std::to_string(i) + "\r\n").status, 401);
  }
  const http::ReceivedResponse refused = ask("203.0.113.9", "Authorization: Bearer guess\r\n");
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.head.find("\r\nRetry-After: "), std::string::npos);
  EXPECT_EQ(ask("203.0.113.9", kKey).status, 200);  // many may share an address with somebody who guesses
  EXPECT_EQ(ask("203.0.113.10", kKey).status, 200);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(ask("203.0.113.11", "").status, 401);  // none shown is no guess
  EXPECT_EQ(ask("203.0.113.11", kKey).status, 200);
}

TEST_F(ServiceApiTest, PublicationsPassByteForByte) {
  serve();
  Client client =
      connect(post("/api/post-office/websocket/publish",
                   R"( {"realm":"r", "message" : { "a":1e400,"a":"\u00e9" ,"b":[ ]} ,"channel":"guide"})"));
  EXPECT_EQ(client.response().status, 200);
  EXPECT_EQ(published, (std::vector<std::string>{R"({ "a":1e400,"a":"\u00e9" ,"b":[ ]})"}));
  client.send(post("/api/post-office/websocket/publish",
                   R"({"realm":"r","channel":"guide","message":")" + std::string(100'000, 'x') + "\"}"));
  EXPECT_EQ(client.response().status, 413);
}

TEST_F(ServiceApiTest, AnAgentHearsWhatWaitedAndWhatComes) {
  serve();
  EXPECT_EQ(submit("1", R"({"n":1})"), Submitted::queued);
  Client agent = subscribe();
  EXPECT_NE(agent.text().find("Content-Type: text/event-stream\r\n"), std::string::npos);
  ASSERT_TRUE(agent.wait_for_text("id: 1\ndata: {\"n\":1}\n\n"));
  EXPECT_EQ(submit("2", "{\"n\":\r\n2}"), Submitted::published);
  ASSERT_TRUE(agent.wait_for_text("id: 2\ndata: {\"n\":\ndata: 2}\n\n"));
}

TEST_F(ServiceApiTest, AnAgentThatLeavesIsForgotten) {
  serve();
  Client agent = subscribe();
  EXPECT_EQ(engine.agents().stats(0).agents, 1u);
  agent.reset();
  EXPECT_TRUE(turn_until([&] { return engine.agents().stats(0).agents == 0; }));
  EXPECT_EQ(api->streams().size(), 0u);
  Client head = connect("HEAD /api/post-office/websocket/subscribe?channel=guide HTTP/1.1\r\nHost: a\r\n" +
                        std::string(kKey) + "\r\n");
  EXPECT_EQ(head.response(true).status, 200);
  EXPECT_EQ(engine.agents().stats(0).agents, 0u);
}

TEST_F(ServiceApiTest, WhatAStalledAgentCanNotTakeWaits) {
  options.stream_bytes_max = 100'000;
  serve();
  Client agent = subscribe("channel=guide", 4096);
  const std::string envelope = "\"" + std::string(10'000, 'x') + "\"";
  size_t taken = 0;
  ASSERT_TRUE(turn_until([&] {
    while (submit(std::to_string(taken), envelope) == Submitted::published) ++taken;
    return true;
  }));
  EXPECT_GT(taken, 5u);
  EXPECT_EQ(engine.agents().stats(0).queue_size, 1u);
  ASSERT_TRUE(agent.wait_for_text("id: " + std::to_string(taken - 1) + "\n"));
  EXPECT_TRUE(agent.wait_for_text("id: " + std::to_string(taken) + "\n"));
  EXPECT_EQ(engine.agents().stats(0).queue_size, 0u);
}

TEST_F(ServiceApiTest, ClosingTheStreamsEndsThemAfterWhatTheyHold) {
  serve();
  Client agent = subscribe();
  loop.post([&] {
    submit("last", "{}");
    api->streams().close_all();
  });
  EXPECT_TRUE(agent.wait_for_text("id: last\ndata: {}\n\n\r\n0\r\n\r\n"));
  EXPECT_EQ(engine.agents().stats(0).agents, 0u);
  EXPECT_EQ(submit("later", "{}"), Submitted::queued);
  EXPECT_EQ(connect(get("/api/post-office/websocket/subscribe?channel=guide", kKey)).response().status, 503);
}

TEST_F(ServiceApiTest, AGroupThatIsGoneHasNothingOpen) {
  serve();
  Client client =
      connect(post("/api/post-office/websocket/ack", R"({"channel":"guide","group":"g","ids":["1"]})"));
  EXPECT_EQ(client.response().body, R"({"success":true,"acknowledged":0})");
}

TEST_F(ServiceApiTest, WhatIsAboutAllTenantsIsNotForOne) {
  serve();
  for (const char* target : {"/metrics", "/health/websocket-gateway/detailed"}) {
    const http::ReceivedResponse response = connect(get(target, kTenantKey)).response();
    EXPECT_EQ(response.status, 403) << target;
    EXPECT_NE(response.body.find("bound to a tenant"), std::string::npos);
    EXPECT_NE(connect(get(target, kKey)).response().status, 403) << target;
  }
}

TEST_F(ServiceApiTest, InsideThereAreOperationsAndNothingElse) {
  serve();
  const SocketAddress address = *server->listen_ops(*SocketAddress::parse("127.0.0.1:0"));
  const auto ask = [&](std::string_view target) {
    Client client(*this, address, 0);
    client.send("GET " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    return client.response().status;
  };
  EXPECT_EQ(ask("/metrics"), 200);
  EXPECT_EQ(ask("/health/live"), 200);
  EXPECT_EQ(ask("/health/websocket-gateway"), 503);  // this gateway was never started
  EXPECT_EQ(ask("/health/websocket-gateway/detailed"), 503);
  for (const char* target : {"/", "/openapi.json", "/api/post-office/websocket/connection-count",
                             "/api/test/websocket-gateway/connection-count", "/ws"}) {
    EXPECT_EQ(ask(target), 404) << target;
  }
}

// Guesses from everywhere are the throttle's own tests' business, where time is an argument.
TEST_F(ServiceApiTest, GuessesKeepNobodyWithAKeyOut) {
  serve();
  Client client = connect();
  const auto ask = [&](std::string_view address, std::string_view key_line) {
    client.send(get("/api/post-office/websocket/connection-count",
                    "X-Forwarded-For: " + std::string(address) + "\r\n" + std::string(key_line)));
    return client.response().status;
  };
  int guesses = 0;
  while (ask("10.0.0.1", "Authorization: Bearer guess\r\n") == 401) ASSERT_LT(++guesses, 1000);
  EXPECT_GE(guesses, 20);
  EXPECT_EQ(ask("10.0.0.1", "Authorization: Bearer guess\r\n"), 429);
  EXPECT_EQ(ask("10.0.0.1", kKey), 200);
  EXPECT_EQ(ask("10.0.0.2", "Authorization: Bearer guess\r\n"), 401);
}

TEST_F(ServiceApiTest, WhereNoKeyIsNeededOnlyLoopbackNamesWillDoOnLoopback) {
  serve();
  const SocketAddress inside = *server->listen_ops(*SocketAddress::parse("127.0.0.1:0"));
  const auto ask = [&](std::string_view target, std::string_view host, std::string_view fields = {}) {
    return connect("GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" +
                   std::string(fields) + "\r\n")
        .response()
        .status;
  };
  for (const char* target : {"/health/live", "/health/websocket-gateway", "/openapi.json",
                             "/api/test/websocket-gateway/connection-count"}) {
    EXPECT_EQ(ask(target, "evil.example"), 421) << target;
    EXPECT_NE(ask(target, "localhost:8000"), 421) << target;
    EXPECT_NE(ask(target, "gw.example", "X-Forwarded-For: 203.0.113.9\r\n"), 421) << target;
  }
  Client client(*this, inside, 0);
  client.send("GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(client.response().status, 421);
  EXPECT_EQ(ask("/metrics", "gw.example", kKey), 200);
}

TEST_F(ServiceApiTest, ALargeBodyOfAStrangerIsNotReadForItsId) {
  serve();
  const auto ask = [&](size_t padding) {
    const std::string body =
        R"({"jsonrpc":"2.0","id":7,"method":"ping","x":")" + std::string(padding, 'x') + "\"}";
    return connect("POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: " + std::to_string(body.size()) +
                   "\r\n\r\n" + body)
        .response();
  };
  EXPECT_NE(ask(10).body.find(R"("id":7)"), std::string::npos);
  const http::ReceivedResponse large = ask(5000);
  EXPECT_EQ(large.status, 401);
  EXPECT_EQ(large.body.find("\"id\""), std::string::npos);
}

TEST_F(ServiceApiTest, APageOfAnAllowedOriginMayUseMcp) {
  serve();
  const auto leave = [&](std::string_view origin, std::string_view target = "/mcp") {
    return connect("OPTIONS " + std::string(target) + " HTTP/1.1\r\nHost: a\r\nOrigin: " +
                   std::string(origin) + "\r\nAccess-Control-Request-Method: POST\r\n\r\n")
        .response();
  };
  const http::ReceivedResponse granted = leave(kPage, "/mcp/");
  EXPECT_EQ(granted.status, 204);
  EXPECT_TRUE(granted.has("Access-Control-Allow-Origin: " + std::string(kPage)));
  EXPECT_TRUE(granted.has("Vary: Origin"));
  EXPECT_NE(granted.head.find("Authorization, Content-Type"), std::string::npos);
  for (const http::ReceivedResponse& refused :
       {leave("https://evil.example"), leave("null"), leave(kPage, "/api/post-office/websocket/publish")}) {
    EXPECT_EQ(refused.status, 405);
    EXPECT_EQ(refused.head.find("Access-Control"), std::string::npos);
  }
  const std::string body = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
  const http::ReceivedResponse answer =
      connect("POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: " + std::string(kPage) +
              "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body)
          .response();
  EXPECT_EQ(answer.status, 401);
  EXPECT_TRUE(answer.has("Access-Control-Allow-Origin: " + std::string(kPage)));
}

TEST_F(ServiceApiTest, BodiesThatAreNoJsonInUtf8AreToldWhatTheyAre) {
  serve();
  const auto publish = [&](std::string_view body, std::string_view fields = {}) {
    return connect("POST /api/post-office/websocket/publish HTTP/1.1\r\nHost: a\r\n" + std::string(kKey) +
                   "Content-Length: " + std::to_string(body.size()) + "\r\n" + std::string(fields) + "\r\n" +
                   std::string(body))
        .response();
  };
  const std::string good = R"({"channel":"guide","message":{},"realm":"tests"})";
  const int plain = publish(good).status;
  EXPECT_NE(plain, 415);
  EXPECT_EQ(publish("\xef\xbb\xbf" + good).status, plain);
  EXPECT_EQ(publish(good, "Content-Type: application/x-www-form-urlencoded\r\n").status,
            plain);  // as curl -d says
  EXPECT_EQ(publish(good, "Content-Type: application/json; charset=UTF-8\r\n").status, plain);
  EXPECT_EQ(publish(good, "Content-Encoding: identity\r\n").status, plain);
  const std::pair<std::string, std::string> bad[] = {
      {good, "Content-Encoding: gzip\r\n"},
      {good, "Content-Type: application/json; charset=utf-16\r\n"},
      {std::string("\xff\xfe{\0}\0", 6), ""},
      {std::string("\0{\0}", 4), ""},
      {"\x1f\x8b\x08xxxx", ""},
      {"channel=guide&message=x", "Content-Type: application/x-www-form-urlencoded\r\n"},
      {"--a\r\n\r\n--a--", "Content-Type: multipart/form-data; boundary=a\r\n"},
  };
  for (const auto& [body, fields] : bad) {
    const http::ReceivedResponse response = publish(body, fields);
    EXPECT_EQ(response.status, 415) << body << fields;
    EXPECT_NE(response.body.find("unsupported_media_type"), std::string::npos);
  }
}

TEST_F(ServiceApiTest, TheConsoleAnswersToLoopbackNamesOrThroughAProxy) {
  serve();
  const auto ask = [&](std::string_view host, std::string_view fields = {}) {
    return connect("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" + std::string(fields) + "\r\n")
        .response();
  };
  EXPECT_EQ(ask("localhost:8000").status, 200);
  EXPECT_EQ(ask("evil.example").status, 421);
  EXPECT_EQ(ask("gw.example", "X-Forwarded-For: 203.0.113.9\r\n").status, 200);
  EXPECT_TRUE(ask("127.0.0.1").has("X-Frame-Options: DENY"));
}

}  // namespace
}  // namespace gw
