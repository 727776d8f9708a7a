#include "load/target.h"

#include <unistd.h>

#include <stdexcept>

#include "load/clock.h"
#include "load/net.h"

namespace gw::bench {
namespace {

constexpr std::string_view kPublish = "/api/post-office/websocket/publish";
constexpr std::string_view kSessions = "/api/traffic-cop/sessions";
constexpr size_t kSessionsInFlight = 64;

class HttpPublisher final : public Publisher {
 public:
  HttpPublisher(Loop& loop, const Target& target)
      : target_(target), http_(loop, target.address(), [this](int status, std::string_view body) {
          // Centrifugo refuses with 200.
          if (status < 200 || status > 299 || body.starts_with(R"({"error":)")) {
            throw std::runtime_error("publish refused with " + std::to_string(status) + ": " +
                                     std::string(body));
          }
          --unanswered_;
        }) {}

  void publish(std::span<const std::string> messages) override {
    std::string requests;
    for (const std::string& message : messages) requests += request(message);
    unanswered_ += messages.size();
    http_.send(requests);
  }

  size_t unanswered() const override { return unanswered_; }

 private:
  std::string request(const std::string& message) const {
    if (target_.dialect == Dialect::centrifugo) return centrifugo_request(message);
    if (target_.dialect == Dialect::nchan) return http_request("POST", "/publish", {}, message);
    return http_request("POST", kPublish, target_.api_key,
                        R"({"channel":"guide","message":)" + message + R"(,"realm":"bench"})");
  }

  std::string centrifugo_request(const std::string& message) const {
    const std::string body = R"({"channel":"all","data":)" + message + "}";
    return "POST /api/publish HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: " + target_.api_key +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }

  const Target& target_;
  HttpClient http_;
  size_t unanswered_ = 0;
};

class SocketPublisher final : public Publisher, private WsClient::Listener {
 public:
  SocketPublisher(Loop& loop, const Target& target) : client_(loop, *this, 0) {
    client_.connect(target.address(), source_address(0), "/publish");
    loop.wait_until("publisher's connection", [this] { return client_.is_open(); });
  }

  void publish(std::span<const std::string> messages) override {
    for (const std::string& message : messages) client_.queue_text(message);
    client_.flush();
  }

  size_t unanswered() const override { return 0; }

 private:
  void on_open(WsClient&) override {}
  void on_text(WsClient&, std::string_view) override {}
  void on_closed(WsClient&, uint16_t) override {
    throw std::runtime_error("the server closed the publisher's connection");
  }

  WsClient client_;
};

}  // namespace

std::string Target::subscriber_resource(std::string_view token) const {
  if (dialect == Dialect::centrifugo) return "/connection/websocket";
  if (dialect != Dialect::gateway) return "/";
  return token.empty() ? "/ws" : "/ws?session_token=" + std::string(token);
}

std::string_view Target::hello() const {
  if (dialect != Dialect::centrifugo) return {};
  if (!hears) return R"({"id":1,"connect":{}})";
  return R"({"id":1,"connect":{}})"
         "\n"
         R"({"id":2,"subscribe":{"channel":"all"}})";
}

bool Target::is_welcome(std::string_view text) const {
  if (dialect == Dialect::centrifugo && hears)
    return text.find(R"({"id":2,"subscribe":{)") != std::string_view::npos;
  if (dialect == Dialect::centrifugo) return text.starts_with(R"({"id":1,"connect":{)");
  return text.find(R"("event":"welcome")") != std::string_view::npos;
}

bool Target::is_before_welcome(std::string_view text) const {
  return dialect == Dialect::centrifugo && hears && text.starts_with(R"({"id":1,"connect":{)");
}

std::string_view Target::reply_to(std::string_view text) const {
  const bool is_ping = dialect == Dialect::centrifugo && (text == "{}" || text.ends_with("\n{}"));
  return is_ping ? "{}" : std::string_view();
}

std::string Target::talker_resource(std::string_view token) const {
  return dialect == Dialect::gateway ? subscriber_resource(token) : "/echo";
}

std::vector<std::string> make_sessions(Loop& loop, const Target& target, size_t count) {
  std::vector<std::string> tokens(count);
  if (target.dialect != Dialect::gateway) return tokens;
  size_t answered = 0;
  HttpClient http(loop, target.address(), [&](int status, std::string_view body) {
    if (status != 201) throw std::runtime_error("session refused: " + std::string(body));
    ++answered;
  });
  // A server may see several runs: the clock keeps their names apart.
  const std::string run = std::to_string(now_ns());
  for (size_t made = 0; made < count;) {
    std::string requests;
    for (size_t i = 0; i < kSessionsInFlight && made < count; ++i, ++made) {
      const std::string name = run + "-" + std::to_string(made);
      tokens[made] = "bench-" + name;
      requests += http_request("POST", kSessions, target.api_key,
                               R"({"session_id":"bench-)" + name + R"(","user_id":"user-)" + name + R"("})");
    }
    http.send(requests);
    loop.wait_until("sessions made", [&] { return answered == made; });
  }
  return tokens;
}

std::string session_user(std::string_view token) {
  if (token.empty()) return {};
  return "user-" + std::string(token.substr(token.find('-') + 1));
}

std::unique_ptr<Publisher> make_publisher(Loop& loop, const Target& target) {
  if (target.dialect == Dialect::plain) return std::make_unique<SocketPublisher>(loop, target);
  return std::make_unique<HttpPublisher>(loop, target);
}

}  // namespace gw::bench
