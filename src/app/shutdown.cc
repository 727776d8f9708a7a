#include "app/shutdown.h"

#include <chrono>
#include <memory>
#include <utility>

#include "app/departure.h"
#include "app/engine.h"
#include "app/service_api.h"
#include "base/assert.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "net/http/server.h"
#include "ops/consul_registrar.h"

namespace gw {
namespace {

using StepDone = std::function<void()>;

// Longer than whoever answers takes by its own limits: only what hangs is left behind.
constexpr Duration kStepLimit = 3s;
// Commands on their way to Redis may each have to run into their time-out first.
constexpr Duration kParkLimit = 10s;
// What agents and API callers have been promised leaves before the exit, unless they do not take it.
constexpr Duration kLastAnswersLimit = 5s;
constexpr Duration kLastAnswersPoll = 10ms;

void tell_of_lost(const Result<size_t>& lost) {
  if (lost && *lost == 0) return;
  log::warn(
      "queued_messages_lost",
      {{"count", lost ? *lost : 0}, {"reason", lost ? "no agent came before the end" : lost.error().detail}});
}

// Streams end after what they hold; the step is over when nothing is being answered any more.
ShutdownStep last_answers(const ShutdownParts& parts) {
  const auto poll = std::make_shared<EventLoop::Registration>();
  const auto run = [parts, poll](const StepDone& done) {
    parts.http.begin_stop();
    parts.api.end_agents();
    *poll = parts.loop.every(kLastAnswersPoll, [&http = parts.http, done] {
      if (http.is_idle()) done();
    });
  };
  const auto ended = [parts, poll](bool in_time) {
    poll->reset();
    if (!in_time) log::warn("answers_cut_off", {{"unsent_bytes", parts.http.stats().buffered_bytes}});
  };
  return {"last_answers", kLastAnswersLimit, run, ended};
}

}  // namespace

std::vector<ShutdownStep> shutdown_steps(const ShutdownParts& parts, Duration drain_timeout) {
  const auto departure = std::make_shared<Departure>(parts.loop, parts.gateway, parts.api.reports());
  return {
      // Nobody is sent here any more before those who are here are sent away.
      {"deregister", kStepLimit,
       [parts](StepDone done) {
         parts.gateway.stop_being_ready();
         parts.api.reports().tell();
         if (parts.consul) return parts.consul->leave(std::move(done));
         done();
       }},
      // Whoever follows a run that ends with us hears so before it is sent away.
      {"stop_runs", kStepLimit,
       [parts](StepDone done) {
         parts.engine.runs().stop();
         done();
       }},
      // Clients that do not answer the close are left behind.
      {"drain", drain_timeout,
       [departure, drain_timeout](StepDone done) { departure->begin(drain_timeout, std::move(done)); },
       [departure](bool) { departure->end(); }},
      {"park_waiting", kParkLimit,
       [parts](StepDone done) {
         parts.engine.agents().park_waiting([done = std::move(done)](const Result<size_t>& lost) {
           tell_of_lost(lost);
           done();
         });
       }},
      // An answer that takes longer is another instance's to finish.
      {"stop_webhooks", kStepLimit, [parts](StepDone done) { parts.api.webhooks().stop(std::move(done)); }},
      {"stop_agents", kStepLimit,
       [parts](StepDone done) {
         parts.engine.agents().stop_agents([done = std::move(done)](const Result<void>&) { done(); });
       }},
      last_answers(parts),
      {"leave_engine", kStepLimit, [parts](StepDone done) { parts.engine.leave(std::move(done)); }},
  };
}

Shutdown::Shutdown(EventLoop& loop, std::vector<ShutdownStep> steps)
    : loop_(loop), steps_(std::move(steps)) {}

void Shutdown::begin(std::function<void()> done) {
  ASSERT(!done_);
  done_ = std::move(done);
  begin_step();
}

void Shutdown::begin_step() {
  if (step_ == steps_.size()) return done_();
  const ShutdownStep& step = steps_[step_];
  step_began_ = loop_.now();
  limit_ = loop_.after(step.limit, [this, at = step_] { end_step(at, false); });
  step.run([this, at = step_] { end_step(at, true); });
}

void Shutdown::end_step(size_t at, bool in_time) {
  if (at != step_) return;  // the limit, or an answer that came after it
  const ShutdownStep& step = steps_[step_];
  ++step_;
  limit_.reset();
  step.ended(in_time);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - step_began_).count();
  if (in_time) {
    log::info("shutdown_step", {{"name", step.name}, {"ms", ms}});
  } else {
    log::warn("shutdown_step", {{"name", step.name}, {"ms", ms}, {"cut_off", "its time was over"}});
  }
  begin_step();
}

}  // namespace gw
