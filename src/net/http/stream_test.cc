// Event streams: chunked, bounded, flushed once a turn, and their ends.
#include "net/http/server_testing.h"

namespace gw::http {
namespace {

class StreamTest : public ServerTest {
 protected:
  void start_streams() {
    start([this](Request& request, Responder responder) {
      if (request.path != "/stream") return responder.send(Response::json(200, "plain"));
      Response head;
      head.content_type = "text/event-stream";
      streams.push_back(responder.stream(head));
      streams.back().on_close([this] { ++closed; });
    });
  }

  Client open(std::string_view request = {}, int receive_buffer = 0) {
    const size_t before = streams.size();
    Client client = connect(request.empty() ? get("/stream") : std::string(request), receive_buffer);
    EXPECT_TRUE(turn_until([&] { return streams.size() > before; }));
    EXPECT_TRUE(client.wait_for_text("\r\n\r\n"));
    return client;
  }

  std::vector<Stream> streams;
  int closed = 0;
};

TEST_F(StreamTest, EventsAreChunksAndTheConnectionGoesOnAfterwards) {
  start_streams();
  Client client = open();
  EXPECT_EQ(server->stats().streams, 1u);
  const size_t head = client.text().size();
  EXPECT_NE(client.text().find("Transfer-Encoding: chunked\r\n"), std::string::npos);
  EXPECT_TRUE(streams[0].write("data: 1\n\n"));
  EXPECT_TRUE(streams[0].write({"data: ", "2", "\n\n"}));
  EXPECT_TRUE(streams[0].write(""));
  EXPECT_GT(streams[0].buffered_bytes(), 0u);
  const std::string expected = "9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n";
  ASSERT_TRUE(client.wait_for_text(expected));
  EXPECT_EQ(client.text().substr(head), expected);
  EXPECT_EQ(streams[0].buffered_bytes(), 0u);
  streams[0].close();
  EXPECT_FALSE(streams[0].is_open());
  EXPECT_FALSE(streams[0].write("more"));
  client.send(get("/after"));
  ASSERT_TRUE(client.wait_for_text("0\r\n\r\nHTTP/1.1 200 OK"));
  EXPECT_EQ(closed, 0);  // the owner knows that it closed
  EXPECT_EQ(server->stats().streams, 0u);
}

TEST_F(StreamTest, WritesOfATurnLeaveInOneSend) {
  start_streams();
  Client client = open();
  loop.post([&] {
    for (int i = 0; i < 100; ++i) streams[0].write("data: x\n\n");
  });
  loop.turn(10s);
  wait_readable(client.fd());
  std::array<char, 65536> buffer;
  EXPECT_EQ(read_some(client.fd(), buffer).bytes, 100u * 14);
}

TEST_F(StreamTest, WhatALaterHookWritesLeavesWithoutWaitingForAnything) {
  start_streams();
  Client client = open();
  bool written = false;
  const auto hook = loop.on_turn_end([&] {
    if (!written) streams[0].write("data: late\n\n");
    written = true;
  });
  loop.post([] {});
  EXPECT_TRUE(client.wait_for_text("data: late"));
}

TEST_F(StreamTest, AWriteBeyondTheBoundIsRefusedWhole) {
  options.stream_bytes_max = 100'000;
  start_streams();
  Client client = open({}, 4096);
  const std::string event(10'000, 'x');
  size_t taken = 0;
  ASSERT_TRUE(turn_until([&] {
    while (streams[0].write(event)) ++taken;
    return streams[0].buffered_bytes() + event.size() > options.stream_bytes_max;
  }));
  EXPECT_LE(server->stats().buffered_bytes, options.stream_bytes_max);
  EXPECT_TRUE(streams[0].is_open());
  EXPECT_EQ(closed, 0);
  // Reading makes room again, and nothing of what was taken is lost.
  const size_t head = client.text().size();
  const size_t chunk = event.size() + 8;  // "2710\r\n" and "\r\n"
  ASSERT_TRUE(turn_until([&] {
    client.receive();
    return client.text().size() >= head + taken * chunk;
  }));
  EXPECT_EQ(client.text().size(), head + taken * chunk);
  EXPECT_TRUE(streams[0].write(event));
}

TEST_F(StreamTest, ADroppedStreamKeepsNothing) {
  options.stream_bytes_max = 100'000;
  start_streams();
  Client client = open({}, 4096);
  ASSERT_TRUE(turn_until([&] { return !streams[0].write(std::string(50'000, 'x')); }));
  streams[0].drop();
  EXPECT_EQ(server->stats().buffered_bytes, 0u);
  EXPECT_TRUE(turn_until([&] { return server->stats().connections == 0; }));
  EXPECT_EQ(closed, 0);  // the owner knows that it closed
  EXPECT_EQ(server->stats().streams, 0u);
}

TEST_F(StreamTest, SlowStreamsOfOneKeyCostNobodyElse) {
  options.stream_bytes_max = 1'000'000;
  options.streams_bytes_max = 3'000'000;
  const int keys[] = {0, 0, 0};
  start([&](Request& request, Responder responder) {
    responder.bill(&keys[static_cast<size_t>(request.path.back() - '0')]);
    streams.push_back(responder.stream({}));
    streams.back().on_close([this] { ++closed; });
  });
  std::vector<Client> slow;
  for (int i = 0; i < 20; ++i) slow.push_back(open(get("/0"), 4096));
  Client own = open(get("/0"));
  Client other = open(get("/1"));
  const Stream own_stream = streams[20];
  const Stream other_stream = streams[21];
  const std::string event(100'000, 'x');
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 20; ++i) streams[static_cast<size_t>(i)].write(event);
    // Who reads loses nothing, whoever pays for the slow ones.
    ASSERT_TRUE(Stream(own_stream).write("data: own\n\n")) << round;
    ASSERT_TRUE(Stream(other_stream).write("data: other\n\n")) << round;
    EXPECT_LE(server->stats().buffered_bytes, options.streams_bytes_max + 100'000);
    loop.turn(1ms);
    own.receive();
    other.receive();
  }
  EXPECT_GT(closed, 0);
  EXPECT_TRUE(own_stream.is_open());
  EXPECT_TRUE(other_stream.is_open());
  // Another key may have as much as it needs: the one that holds most gives way.
  Client heavy = open(get("/2"), 4096);
  Stream heavy_stream = streams[22];
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(heavy_stream.write(event)) << i;
}

TEST_F(StreamTest, AStalledClientIsClosedAndTheOwnerHears) {
  options.write_timeout = 100ms;
  start_streams();
  Client client = open({}, 4096);
  while (streams[0].write(std::string(100'000, 'x'))) {
  }
  EXPECT_TRUE(turn_until([&] { return closed == 1; }));
  EXPECT_FALSE(streams[0].is_open());
  EXPECT_EQ(server->stats().buffered_bytes, 0u);
}

TEST_F(StreamTest, AClientThatLeavesEndsTheStream) {
  start_streams();
  Client leaves = open();
  Client half_closes = open();
  leaves.reset();
  EXPECT_TRUE(turn_until([&] { return closed == 1; }));
  half_closes.end();
  EXPECT_TRUE(turn_until([&] { return closed == 2; }));
  EXPECT_EQ(server->stats().streams, 0u);
  EXPECT_EQ(server->stats().connections, 0u);
}

TEST_F(StreamTest, DroppingTheLastHandleEndsTheStream) {
  start_streams();
  Client client = open();
  streams.clear();
  EXPECT_TRUE(client.wait_for_text("0\r\n\r\n"));
  EXPECT_EQ(closed, 0);
}

TEST_F(StreamTest, Http10HasNoChunksAndEndsWithTheConnection) {
  start_streams();
  Client client = open("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.text().find("Transfer-Encoding"), std::string::npos);
  streams[0].write("data: 1\n\n");
  streams[0].close();
  EXPECT_TRUE(client.wait_for_end());
  EXPECT_TRUE(client.text().ends_with("\r\n\r\ndata: 1\n\n"));
}

TEST_F(StreamTest, HeadOfAStreamIsAHead) {
  start_streams();
  Client client = connect("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(client.response(true).has("Content-Type: text/event-stream"));
  ASSERT_EQ(streams.size(), 1u);
  EXPECT_FALSE(streams[0].is_open());
  client.send(get("/after"));
  EXPECT_EQ(client.response().body, "plain");
}

TEST_F(StreamTest, AStreamBehindAnEarlierAnswerWaitsItsTurn) {
  std::vector<Stream> opened;
  start([&](Request& request, Responder responder) {
    if (request.path == "/later") return waiting.push_back(responder);
    opened.push_back(responder.stream({}));
  });
  Client client = connect(get("/later") + get("/stream") + get("/never"));
  ASSERT_TRUE(turn_until([&] { return opened.size() == 1; }));
  EXPECT_TRUE(opened[0].write("first"));
  loop.turn(20ms);
  client.receive();
  EXPECT_EQ(client.text(), "");
  waiting[0].send(Response::json(200, "answer"));
  EXPECT_EQ(client.response().body, "answer");
  ASSERT_TRUE(client.wait_for_text("5\r\nfirst\r\n"));
  EXPECT_TRUE(opened[0].write("second"));
  EXPECT_TRUE(client.wait_for_text("6\r\nsecond\r\n"));
  EXPECT_EQ(opened.size(), 1u);  // what follows an open stream is not taken
}

TEST_F(StreamTest, TheServersEndIsTheEndOfEveryStream) {
  start_streams();
  Client client = open();
  server.reset();
  EXPECT_EQ(closed, 1);
  EXPECT_FALSE(streams[0].write("x"));
  EXPECT_TRUE(client.wait_for_end());
}

}  // namespace
}  // namespace gw::http
