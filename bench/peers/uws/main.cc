// A server on uWebSockets doing the least it can for each scenario of the load generator:
//
//   /         a subscriber: only listens
//   /echo     gets back what it sends
//   /publish  what it sends goes to every subscriber
//
// Prints {"event":"ready",...} on standard output once it listens. No registry has uWebSockets: build this
// against a checkout of yours (bench/README.md, "Who is compared") and give the binary to bench/run --uws.
#include <uWebSockets/App.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

namespace {

struct Nothing {};
using Socket = uWS::WebSocket<false, true, Nothing>;

// No timeout, no ping and no bound on what is unsent: nothing beside what the scenario asks for.
uWS::App::WebSocketBehavior<Nothing> plain() {
  uWS::App::WebSocketBehavior<Nothing> behavior;
  behavior.compression = uWS::DISABLED;
  behavior.maxPayloadLength = 64 * 1024;
  behavior.idleTimeout = 0;
  behavior.sendPingsAutomatically = false;
  behavior.maxBackpressure = 0;
  return behavior;
}

}  // namespace

int main() {
  uWS::App app;
  auto subscriber = plain();
  subscriber.open = [](Socket* socket) { socket->subscribe("all"); };
  auto echo = plain();
  echo.message = [](Socket* socket, std::string_view text, uWS::OpCode code) { socket->send(text, code); };
  auto publisher = plain();
  publisher.message = [&app](Socket*, std::string_view text, uWS::OpCode code) {
    app.publish("all", text, code);
  };
  app.ws<Nothing>("/", std::move(subscriber))
      .ws<Nothing>("/echo", std::move(echo))
      .ws<Nothing>("/publish", std::move(publisher))
      .listen("127.0.0.1", 0,
              [](us_listen_socket_t* listening) {
                if (!listening) return;
                const int port = us_socket_local_port(0, reinterpret_cast<us_socket_t*>(listening));
                std::printf(
                    "{\"event\":\"ready\",\"url\":\"http://"
                    "127.0.0.1:%d\",\"pid\":%d,\"version\":\"uWebSockets\"}\n",
                    port, static_cast<int>(::getpid()));
                std::fflush(stdout);
              })
      .run();
  return 1;  // it could not listen
}
