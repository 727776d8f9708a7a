// Questions to servers that answer, break off, lie or keep silent.
#include "net/http/client.h"

#include "net/peer_testing.h"

namespace gw::http {
namespace {

constexpr const char* kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

class ClientTest : public testing::Test {
 protected:
  ClientOptions options_to(const HostPort& server) {
    ClientOptions options;
    options.server = server;
    options.timeout = 20s;
    options.body_bytes_max = 1000;
    return options;
  }

  // Status and body, or what went wrong.
  Client::Done note() {
    return [this](const Result<ClientResponse>& response) {
      outcomes_.push_back(response ? std::to_string(response->status) + " " + response->body
                                   : to_string(response.error().code));
    };
  }

  std::string ask(Client& client, ClientRequest request = {"GET", "/x", ""}) {
    client.send(std::move(request), note());
    EXPECT_TRUE(outcomes_.empty());  // never before the caller is done
    EXPECT_TRUE(turn_until(loop_, [&] { return !outcomes_.empty(); }));
    EXPECT_EQ(client.pending(), 0u);
    return outcomes_.empty() ? "nothing" : std::exchange(outcomes_, {}).front();
  }

  // The outcome with a server that says `answer`, and hangs up after it if `ended`.
  std::string answered(std::string answer, bool ended = false) {
    TestPeer peer(loop_, std::move(answer));
    Client client(loop_, options_to(peer.address()));
    client.send({"GET", "/x", ""}, note());
    EXPECT_TRUE(turn_until(loop_, [&] { return !peer.heard().empty(); }));
    if (ended) peer.hang_up();
    EXPECT_TRUE(turn_until(loop_, [&] { return !outcomes_.empty(); }));
    return outcomes_.empty() ? "nothing" : std::exchange(outcomes_, {}).front();
  }

  EventLoop loop_;
  std::vector<std::string> outcomes_;
};

TEST_F(ClientTest, AsksAndHandsOnAnyStatus) {
  TestPeer peer(loop_, kHello);
  ClientOptions options = options_to(peer.address());
  options.extra_head = "X-Token: t\r\n";
  Client client(loop_, options);
  EXPECT_EQ(ask(client, {"PUT", "/v1/x?y", "{}"}), "200 hello");
  EXPECT_EQ(peer.heard(), "PUT /v1/x?y HTTP/1.1\r\nHost: " + peer.address().text() +
                              "\r\nAccept: application/json\r\nConnection: close\r\nX-Token: t\r\n"
                              "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(answered("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "404 ");
  EXPECT_EQ(answered("HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"),
            "503 no");
}

TEST_F(ClientTest, AnAnswerMayComeInPieces) {
  TestPeer peer(loop_, "HTTP/1.1 200 OK\r\nCont");
  Client client(loop_, options_to(peer.address()));
  client.send({"GET", "/x", ""}, note());
  ASSERT_TRUE(turn_until(loop_, [&] { return !peer.heard().empty(); }));
  for (const char c : std::string("ent-Length: 5\r\n\r\nhell")) {
    peer.say(std::string(1, c));
    loop_.turn(1ms);
  }
  EXPECT_TRUE(outcomes_.empty());
  peer.say("o");
  ASSERT_TRUE(turn_until(loop_, [&] { return !outcomes_.empty(); }));
  EXPECT_EQ(outcomes_.front(), "200 hello");
}

TEST_F(ClientTest, ABodyWithoutALengthEndsWithTheConnection) {
  EXPECT_EQ(answered("HTTP/1.0 200 OK\r\n\r\nhello", true), "200 hello");
}

TEST_F(ClientTest, WhatIsNoAnswerIsRefused) {
  EXPECT_EQ(answered("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "protocol_error");
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", true), "unavailable");
  EXPECT_EQ(answered("", true), "unavailable");
}

TEST_F(ClientTest, WhatIsTooLargeIsNotReadToItsEnd) {
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"), "too_large");
  EXPECT_EQ(answered("HTTP/1.0 200 OK\r\n\r\n" + std::string(1001, 'a')), "too_large");
  EXPECT_EQ(answered("HTTP/1.1 200 OK\r\nA: " + std::string(20'000, 'a')), "too_large");
}

TEST_F(ClientTest, NobodyThere) {
  HostPort nobody;
  {
    const TestPeer gone(loop_, "");
    nobody = gone.address();
  }
  Client client(loop_, options_to(nobody));
  EXPECT_EQ(ask(client), "unavailable");
}

TEST_F(ClientTest, TheDeadlineCoversTheWholeAnswer) {
  for (const char* beginning :
       {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"}) {
    TestPeer peer(loop_, beginning);
    ClientOptions options = options_to(peer.address());
    options.timeout = 50ms;
    Client client(loop_, options);
    EXPECT_EQ(ask(client), "timeout") << beginning;
  }
}

TEST_F(ClientTest, AboveTheBoundNothingIsAsked) {
  TestPeer peer(loop_, "");
  ClientOptions options = options_to(peer.address());
  options.pending_max = 2;
  Client client(loop_, options);
  for (int i = 0; i < 3; ++i) client.send({"GET", "/x", ""}, note());
  ASSERT_TRUE(turn_until(loop_, [&] { return !outcomes_.empty(); }));
  EXPECT_EQ(outcomes_, std::vector<std::string>{"resource_exhausted"});
  EXPECT_EQ(client.pending(), 2u);
}

TEST_F(ClientTest, OneThatGoesTellsNobody) {
  TestPeer peer(loop_, "");
  auto client = std::make_unique<Client>(loop_, options_to(peer.address()));
  client->send({"GET", "/x", ""}, note());
  ASSERT_TRUE(turn_until(loop_, [&] { return !peer.heard().empty(); }));
  peer.say(kHello);
  client.reset();
  loop_.turn(10ms);
  loop_.turn(0ms);
  EXPECT_TRUE(outcomes_.empty());
}

TEST_F(ClientTest, AnAnswerMayEndTheClient) {
  TestPeer peer(loop_, kHello);
  auto client = std::make_unique<Client>(loop_, options_to(peer.address()));
  bool gone = false;
  client->send({"GET", "/x", ""}, [&](const Result<ClientResponse>&) {
    client.reset();
    gone = true;
  });
  EXPECT_TRUE(turn_until(loop_, [&] { return gone; }));
}

}  // namespace
}  // namespace gw::http
