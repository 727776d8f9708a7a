#include "gateway/spans.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

const WallTime kMadeAt{1'700'000'000'000ms};

RunEnded ended_run(RunStatus status, const std::string& error = "") {
  RunEnded ended;
  ended.channel = "guide";
  ended.top = {status, 2, 11, {}};
  ended.error = error;
  ended.trace.span = begin_span({}, protocol::new_trace(true), {}, 5'000);
  ended.created_at = kMadeAt;
  ended.ended_at = kMadeAt + 1500ms;
  return ended;
}

// "key=value key=value"
std::string attributes_of(const Span& span) {
  std::string out;
  for (const SpanAttribute& attribute : span.attributes) {
    out.append(out.empty() ? "" : " ").append(attribute.key).append("=");
    if (const auto* const text = std::get_if<std::string>(&attribute.value)) out += *text;
    if (const auto* const number = std::get_if<int64_t>(&attribute.value)) out += std::to_string(*number);
    if (const auto* const seconds = std::get_if<double>(&attribute.value)) out += std::to_string(*seconds);
  }
  return out;
}

TEST(RunSpan, IsFromTheRunsMakingToItsEnd) {
  RunEnded ended = ended_run(RunStatus::completed);
  ended.trace.first_claim_at = kMadeAt + 250ms;
  ended.trace.first_byte_at = kMadeAt + 1s;
  const Span span = run_span("r", ended);
  EXPECT_EQ(span.name, "websocket.run");
  EXPECT_EQ(span.kind, Span::Kind::internal);
  EXPECT_EQ(span.open.context, ended.trace.span.context);
  EXPECT_EQ(span.open.started_at, 5'000);
  EXPECT_EQ(span.duration, 1500ms);
  EXPECT_EQ(span.error, "");
  EXPECT_EQ(attributes_of(span),
            "messaging.destination.name=guide websocket.run.id=r websocket.run.status=completed "
            "websocket.run.epoch=2 websocket.run.size=11 websocket.run.time_to_first_claim=0.250000 "
            "websocket.run.time_to_first_byte=1.000000");
}

TEST(RunSpan, IsWrongWhenTheRunFailedOrWasAbandoned) {
  EXPECT_EQ(run_span("r", ended_run(RunStatus::failed, "its_own")).error, "its_own");
  EXPECT_EQ(run_span("r", ended_run(RunStatus::failed)).error, "failed");
  EXPECT_EQ(run_span("r", ended_run(RunStatus::abandoned, "no_agent")).error, "no_agent");
  EXPECT_EQ(run_span("r", ended_run(RunStatus::cancelled, "cancelled")).error, "");
  EXPECT_EQ(run_span("r", ended_run(RunStatus::completed, "odd")).error, "");
  const std::string abandoned = attributes_of(run_span("r", ended_run(RunStatus::abandoned, "no_agent")));
  EXPECT_TRUE(abandoned.ends_with("size=11 error.type=no_agent")) << abandoned;
}

TEST(RunSpan, AnEnginesClockThatWentBackMakesItNoShorterThanNothing) {
  RunEnded ended = ended_run(RunStatus::completed);
  ended.ended_at = kMadeAt - 1h;
  EXPECT_EQ(run_span("r", ended).duration, 0s);
}

}  // namespace
}  // namespace gw
