// When a gateway registers, what it makes of Consul's answers, and how it leaves; with a Consul that says
// what the test has written for it.
#include "ops/consul_registrar.h"

#include <gmock/gmock.h>

#include <deque>
#include <map>

#include "net/http/server.h"
#include "net/peer_testing.h"

namespace gw::consul {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kKnown = "GET /v1/agent/health/service/id/a";
constexpr const char* kRegister = "PUT /v1/agent/service/register";
constexpr const char* kInstances = "GET /v1/health/service/gw";
constexpr const char* kDeregister = "PUT /v1/agent/service/deregister/a";
constexpr const char* kToken = "3b9f7f0e-5a0c";

std::string held(std::string_view port, std::string_view checks = R"([{"Status":"passing"}])") {
  return R"({"AggregatedStatus":"passing","Service":{"ID":"a","Service":"gw","Address":"10.0.0.7",)"
         R"("Tags":["t"],"Meta":{},"Port":)" +
         std::string(port) + R"(},"Checks":)" + std::string(checks) + "}";
}

constexpr const char* kTwoInstances = R"([{"Service":{"ID":"a","Port":8000,"Address":"10.0.0.7"}},)"
                                      R"({"Service":{"ID":"b","Port":8000,"Address":"10.0.0.8"}}])";

struct Answer {
  int status = 200;
  std::string body = "";
};

// Gives the answers to a question in their order, the last of them again and again. A question without any is
// kept waiting.
class ScriptedConsul {
 public:
  explicit ScriptedConsul(EventLoop& loop)
      : server_(loop, {}, [this](http::Request& request, http::Responder responder) {
          hear(request, std::move(responder));
        }) {}

  HostPort listen() { return {"127.0.0.1", server_.listen_ops(*SocketAddress::parse("127.0.0.1:0"))->port}; }
  void answers(const std::string& question, std::deque<Answer> script) {
    script_[question] = std::move(script);
  }
  // What was kept waiting gets this now.
  void answer_waiting(const Answer& answer) {
    for (http::Responder& one : std::exchange(waiting_, {})) one.send(response(answer));
  }

  const std::vector<std::string>& heard() const { return heard_; }
  ptrdiff_t times(std::string_view question) const {
    return std::count(heard_.begin(), heard_.end(), question);
  }
  const std::string& last_body() const { return last_body_; }
  const std::string& last_token() const { return last_token_; }

 private:
  static http::Response response(const Answer& answer) {
    return http::Response::json(answer.status, answer.body);
  }

  void hear(http::Request& request, http::Responder responder) {
    heard_.push_back(std::string(request.method) + " " + std::string(request.path));
    last_token_ = request.field("x-consul-token").value_or("");
    if (!request.body.empty()) last_body_ = request.body;
    std::deque<Answer>& script = script_[heard_.back()];
    if (script.empty()) return waiting_.push_back(std::move(responder));
    responder.send(response(script.front()));
    if (script.size() > 1) script.pop_front();
  }

  std::map<std::string, std::deque<Answer>> script_;
  std::vector<http::Responder> waiting_;
  std::vector<std::string> heard_;
  std::string last_body_;
  std::string last_token_;
  http::Server server_;
};

class ConsulRegistrar : public testing::Test {
 protected:
  ConsulRegistrar() {
    options_.client.server = consul_.listen();
    options_.client.timeout = 60s;  // longer than any test waits
    options_.ask_every = 1ms;
    options_.retry_after = 1ms;
    options_.leave_wait = 60s;
    consul_.answers(kKnown, {{404}, {200, held("8000")}});
    consul_.answers(kRegister, {{200}});
    consul_.answers(kInstances, {{200, kTwoInstances}});
    consul_.answers(kDeregister, {{200}});
    testing::internal::CaptureStderr();
  }
  ~ConsulRegistrar() override { log(); }

  void start() {
    registrar_ = std::make_unique<Registrar>(loop_, options_, [this] {
      ++asked_ready_;
      return ready_;
    });
    registrar_->start(service_);
  }
  void leave() {
    registrar_->leave([this] { ++left_; });
  }
  template <class Condition>
  bool until(const Condition& holds) {
    return turn_until(loop_, holds);
  }
  bool until_heard(std::string_view question, ptrdiff_t times = 1) {
    return until([&] { return consul_.times(question) >= times; });
  }
  // After it, whatever the registrar has sent so far has arrived: it was sent before this was.
  bool until_overtaken() {
    consul_.answers("GET /later", {{200}});
    bool answered = false;
    http::Client client(loop_, options_.client);
    client.send({"GET", "/later", ""}, [&](const Result<http::ClientResponse>&) { answered = true; });
    return until([&] { return answered; });
  }

  // All that has been logged.
  const std::string& log() {
    if (!std::exchange(log_taken_, true)) log_ = testing::internal::GetCapturedStderr();
    return log_;
  }
  // The reasons of the registrations that were logged.
  std::vector<std::string> registrations() {
    constexpr std::string_view kReason = " reason=";
    std::vector<std::string> reasons;
    for (size_t at = 0; (at = log().find("consul_registered", at)) != std::string::npos;) {
      at = log().find(kReason, at) + kReason.size();
      reasons.push_back(log().substr(at, log().find('\n', at) - at));
    }
    return reasons;
  }

  EventLoop loop_;
  ScriptedConsul consul_{loop_};
  RegistrarOptions options_;
  Service service_{"a", "gw", "10.0.0.7", 8000, {"t"}, {}};
  bool ready_ = true;
  int asked_ready_ = 0;
  int left_ = 0;
  std::unique_ptr<Registrar> registrar_;

 private:
  bool log_taken_ = false;
  std::string log_;
};

TEST_F(ConsulRegistrar, SaysNothingBeforeItIsReady) {
  ready_ = false;
  start();
  ASSERT_TRUE(until([&] { return asked_ready_ >= 5; }));
  ASSERT_TRUE(until_overtaken());
  EXPECT_THAT(consul_.heard(), ElementsAre("GET /later"));
  EXPECT_FALSE(registrar_->stats().registered);
  ready_ = true;
  ASSERT_TRUE(until([&] { return registrar_->stats().registered; }));
  EXPECT_EQ(consul_.last_body(), registration_json(service_, options_.check, true));
}

TEST_F(ConsulRegistrar, RegistersWhatConsulDoesNotHold) {
  start();
  ASSERT_TRUE(until_heard(kKnown, 4));
  EXPECT_TRUE(registrar_->stats().registered);
  EXPECT_EQ(registrar_->stats().errors_total, 0u);
  EXPECT_EQ(consul_.times(kRegister), 1);
  EXPECT_THAT(registrations(), ElementsAre("new"));
}

TEST_F(ConsulRegistrar, RegistersWhatConsulHasForgotten) {
  consul_.answers(kKnown, {{200, held("8000")}, {404}, {200, held("8000")}});
  start();
  ASSERT_TRUE(until_heard(kKnown, 4));
  EXPECT_EQ(consul_.times(kRegister), 1);
  EXPECT_THAT(registrations(), ElementsAre("known", "forgotten"));
}

TEST_F(ConsulRegistrar, RegistersAnewWhatDiffers) {
  consul_.answers(kKnown, {{200, held("8000")},
                           {200, held("8001")},
                           {200, held("8000")},
                           {200, held("8000", "[]")},  // its check is gone
                           {200, held("8000")}});
  start();
  ASSERT_TRUE(until_heard(kKnown, 6));
  EXPECT_EQ(consul_.times(kRegister), 2);
  EXPECT_EQ(consul_.last_body(), registration_json(service_, options_.check, true));
  EXPECT_THAT(registrations(), ElementsAre("known", "changed", "changed"));
}

TEST_F(ConsulRegistrar, ARefusalIsCountedAndTriedAgain) {
  consul_.answers(kKnown, {{404}});
  consul_.answers(kRegister, {{403, "Permission denied"}});
  start();
  ASSERT_TRUE(until_heard(kRegister, 3));
  EXPECT_GE(registrar_->stats().errors_total, 2u);
  EXPECT_FALSE(registrar_->stats().registered);
  EXPECT_THAT(log(), HasSubstr("reason=\"status 403: Permission denied\""));
  EXPECT_EQ(log().find("consul_refused"), log().rfind("consul_refused"));  // said once
  EXPECT_THAT(registrations(), ElementsAre());
}

TEST_F(ConsulRegistrar, TheTokenIsSentAndNeverLogged) {
  options_.token = kToken;
  const std::string tells = std::string("token ") + kToken + " lacks service:write";
  consul_.answers(kKnown, {{403, tells}, {404}});
  consul_.answers(kRegister, {{403, tells}, {200}});
  consul_.answers(kDeregister, {{403, tells}});
  start();
  ASSERT_TRUE(until([&] { return registrar_->stats().registered; }));
  EXPECT_EQ(registrar_->stats().errors_total, 2u);
  leave();
  ASSERT_TRUE(until([&] { return left_ == 1; }));
  EXPECT_EQ(consul_.last_token(), kToken);
  EXPECT_EQ(registrar_->stats().errors_total, 3u);
  EXPECT_THAT(log(), HasSubstr("consul_refused"));
  EXPECT_THAT(log(), HasSubstr("consul_deregistration_failed"));
  EXPECT_THAT(log(), Not(HasSubstr(kToken)));
}

TEST_F(ConsulRegistrar, DeregistersWhenItLeaves) {
  start();
  ASSERT_TRUE(until([&] { return registrar_->endpoint().has_value(); }));
  leave();
  EXPECT_EQ(left_, 0);
  ASSERT_TRUE(until([&] { return left_ == 1; }));
  EXPECT_EQ(consul_.heard().back(), kDeregister);
  EXPECT_FALSE(registrar_->stats().registered);
  EXPECT_EQ(registrar_->endpoint(), std::nullopt);
  ASSERT_TRUE(until_overtaken());
  EXPECT_EQ(consul_.heard().back(), "GET /later");  // nothing more is asked
  EXPECT_THAT(log(), HasSubstr("consul_deregistered"));
}

TEST_F(ConsulRegistrar, LeavesAtOnceWhenConsulWasNeverTold) {
  ready_ = false;
  start();
  leave();
  EXPECT_EQ(left_, 1);
  ready_ = true;
  ASSERT_TRUE(until_overtaken());
  EXPECT_THAT(consul_.heard(), ElementsAre("GET /later"));
}

TEST_F(ConsulRegistrar, ARegistrationOnItsWayComesBeforeTheDeregistration) {
  consul_.answers(kKnown, {{200, held("8000")}, {404}});
  consul_.answers(kRegister, {});
  start();
  ASSERT_TRUE(until_heard(kRegister));
  leave();
  ASSERT_TRUE(until_overtaken());
  EXPECT_EQ(consul_.times(kDeregister), 0);
  EXPECT_EQ(left_, 0);
  consul_.answer_waiting({200});
  ASSERT_TRUE(until([&] { return left_ == 1; }));
  EXPECT_EQ(consul_.heard().back(), kDeregister);
  EXPECT_FALSE(registrar_->stats().registered);
}

TEST_F(ConsulRegistrar, SoDoesTheVeryFirst) {
  consul_.answers(kRegister, {});
  start();
  ASSERT_TRUE(until_heard(kRegister));
  leave();
  ASSERT_TRUE(until_overtaken());
  EXPECT_EQ(left_, 0);
  consul_.answer_waiting({200});
  ASSERT_TRUE(until([&] { return left_ == 1; }));
  EXPECT_EQ(consul_.heard().back(), kDeregister);
}

TEST_F(ConsulRegistrar, ASilentConsulHoldsUpTheEndForLeaveWaitAtMost) {
  options_.leave_wait = 10ms;
  consul_.answers(kDeregister, {});
  start();
  ASSERT_TRUE(until([&] { return registrar_->stats().registered; }));
  leave();
  ASSERT_TRUE(until([&] { return left_ == 1 && consul_.times(kDeregister) == 1; }));
  EXPECT_EQ(registrar_->stats().errors_total, 1u);
  consul_.answer_waiting({200});
  ASSERT_TRUE(until([&] { return !registrar_->stats().registered; }));
  EXPECT_EQ(left_, 1);  // the late answer ends nothing twice
  EXPECT_THAT(log(), HasSubstr("reason=\"Consul does not answer\""));
}

TEST_F(ConsulRegistrar, SoDoesARegistrationThatIsNeverAnswered) {
  options_.leave_wait = 10ms;
  consul_.answers(kKnown, {{200, held("8000")}, {404}});
  consul_.answers(kRegister, {});
  start();
  ASSERT_TRUE(until_heard(kRegister));
  leave();
  ASSERT_TRUE(until([&] { return left_ == 1; }));
  EXPECT_EQ(consul_.times(kDeregister), 0);
}

TEST_F(ConsulRegistrar, NamesEveryHealthyInstance) {
  start();
  ASSERT_TRUE(until([&] { return registrar_->endpoint().has_value(); }));
  std::set<std::string> named;
  for (int i = 0; i < 100; ++i) named.insert(registrar_->endpoint().value_or("none"));
  EXPECT_THAT(named, ElementsAre("ws://10.0.0.7:8000", "ws://10.0.0.8:8000"));
}

TEST_F(ConsulRegistrar, NamesOnlyItselfWhereItMayNotNameOthers) {
  options_.any_instance = false;
  start();
  ASSERT_TRUE(until([&] { return registrar_->endpoint().has_value(); }));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(registrar_->endpoint(), "ws://10.0.0.7:8000");
  // Others alone are nobody.
  consul_.answers(kInstances, {{200, R"([{"Service":{"ID":"b","Port":8000,"Address":"10.0.0.8"}}])"}});
  ASSERT_TRUE(until([&] { return !registrar_->endpoint().has_value(); }));
  EXPECT_EQ(registrar_->stats().errors_total, 0u);
}

TEST_F(ConsulRegistrar, NamesNobodyAfterAFailure) {
  for (const char* question : {kKnown, kInstances}) {
    consul_.answers(kKnown, {{200, held("8000")}});
    consul_.answers(kInstances, {{200, kTwoInstances}});
    start();
    ASSERT_TRUE(until([&] { return registrar_->endpoint().has_value(); })) << question;
    consul_.answers(question, {{500, "No cluster leader"}});
    ASSERT_TRUE(until([&] { return registrar_->stats().errors_total > 0; })) << question;
    EXPECT_EQ(registrar_->endpoint(), std::nullopt) << question;
    // It is well again, and so is the list.
    consul_.answers(kKnown, {{200, held("8000")}});
    consul_.answers(kInstances, {{200, kTwoInstances}});
    ASSERT_TRUE(until([&] { return registrar_->endpoint().has_value(); })) << question;
  }
}

}  // namespace
}  // namespace gw::consul
