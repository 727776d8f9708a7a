// When an issuer is asked for its keys, and how seldom while it is away.
#include "ops/jwks_client.h"

#include <gtest/gtest.h>

#include "net/http/server.h"

namespace gw {
namespace {

class Jwks : public testing::Test {
 protected:
  Jwks() {
    options_.client.server = {"127.0.0.1", server_.listen_ops(*SocketAddress::parse("127.0.0.1:0"))->port};
    options_.target = "/keys";
    options_.least = 1ms;
    testing::internal::CaptureStderr();
  }
  ~Jwks() override { testing::internal::GetCapturedStderr(); }

  void start() {
    client_ = std::make_unique<JwksClient>(loop_, options_, [](std::string_view) { return Result<void>(); });
    client_->start();
  }
  template <class Condition>
  bool until(const Condition& holds) {
    const TimePoint deadline = steady_now() + 20s;
    while (!holds() && steady_now() < deadline) loop_.turn(1ms);
    return holds();
  }
  // As clients do who make tokens up: again and again.
  void refresh_for(Duration time) {
    const TimePoint end = steady_now() + time;
    while (steady_now() < end) {
      client_->refresh([](bool) {});
      loop_.turn(1ms);
    }
  }

  EventLoop loop_;
  int status_ = 200;
  int asked_ = 0;
  http::Server server_{loop_, {}, [this](http::Request&, http::Responder responder) {
                         ++asked_;
                         responder.send(http::Response::json(status_, "{}"));
                       }};
  JwksClientOptions options_;
  std::unique_ptr<JwksClient> client_;
};

TEST_F(Jwks, WhileItIsAwayTokensDoNotMakeItAskMoreOften) {
  status_ = 503;
  options_.retry_from = 40ms;
  options_.retry_to = 160ms;
  start();
  refresh_for(400ms);
  EXPECT_GE(asked_, 2);
  EXPECT_LE(asked_, 5);  // at 0, 40, 120, 280 ms
}

TEST_F(Jwks, TokensDoNotPutItsNextTryOff) {
  status_ = 503;
  options_.retry_from = 20ms;
  options_.retry_to = 20ms;
  options_.least = 60s;
  start();
  ASSERT_TRUE(until([&] { return asked_ >= 1; }));
  client_->refresh([](bool is_done) { EXPECT_FALSE(is_done); });
  EXPECT_TRUE(until([&] { return asked_ >= 3; }));
}

TEST_F(Jwks, BackAgainItIsAskedAsBefore) {
  status_ = 503;
  options_.retry_from = 10ms;
  start();
  ASSERT_TRUE(until([&] { return asked_ >= 2; }));
  status_ = 200;
  bool is_done = false;
  EXPECT_TRUE(until([&] {
    client_->refresh([&](bool done) { is_done = is_done || done; });
    return is_done;
  }));
}

}  // namespace
}  // namespace gw
