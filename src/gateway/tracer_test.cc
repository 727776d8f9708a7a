#include "gateway/tracer.h"

#include <gtest/gtest.h>

namespace gw {
namespace {

using protocol::TraceContext;

const TimePoint t0 = TimePoint() + 1h;
const ConnectionOptions kOptions;

Connection connection() { return Connection(kOptions, ConnectionId::make(), false, t0); }

TraceContext kept_trace() { return protocol::new_trace(true); }

Tracer tracer(const TraceOptions& options) {
  Tracer tracer(options);
  tracer.set_time(t0, 1'000);
  return tracer;
}

TEST(Tracer, WithoutSpansAgentsAreToldTheNearestTraceThereIs) {
  const Tracer off = tracer({});
  Connection plain = connection();
  off.begin_connection(plain, std::nullopt);
  EXPECT_EQ(plain.trace, nullptr);
  EXPECT_FALSE(off.begin_message(plain, {}, 1, "m").context.sampled);

  Connection traced = connection();
  const TraceContext from_handshake = kept_trace();
  off.begin_connection(traced, from_handshake);
  EXPECT_EQ(off.begin_message(traced, {}, 1, "m").context, from_handshake);
  const TraceContext of_message = kept_trace();
  const Tracer::Message message = off.begin_message(traced, of_message, 1, "m");
  EXPECT_EQ(message.context, of_message);
  EXPECT_EQ(message.span, nullptr);
  EXPECT_FALSE(off.end_connection(traced, 1000));
  EXPECT_FALSE(off.reject_message(traced, 1, protocol::ErrorCode::invalid_json));
}

TEST(Tracer, AMessageIsAChildOfItsOwnTraceElseOfTheConnections) {
  const Tracer on = tracer({.enabled = true, .sampler = Sampler(1)});
  Connection traced = connection();
  const TraceContext from_handshake = kept_trace();
  on.begin_connection(traced, from_handshake);
  EXPECT_EQ(traced.trace->span.context.trace_id, from_handshake.trace_id);
  ASSERT_TRUE(Tracer::kept_context(traced));

  const Tracer::Message of_connection = on.begin_message(traced, {}, 7, "m");
  ASSERT_NE(of_connection.span, nullptr);
  EXPECT_EQ(of_connection.span->open.context, of_connection.context);
  EXPECT_EQ(of_connection.context.trace_id, from_handshake.trace_id);
  EXPECT_EQ(of_connection.span->open.parent, traced.trace->span.context.parent_id);
  EXPECT_EQ(of_connection.span->body_bytes, 7u);

  const TraceContext own = kept_trace();
  EXPECT_EQ(on.begin_message(traced, own, 7, "m").context.trace_id, own.trace_id);
}

TEST(Tracer, ASpanIsAsLongAsTheTurnsSay) {
  Tracer on = tracer({.enabled = true, .sampler = Sampler(1)});
  Connection traced = connection();
  on.begin_connection(traced, std::nullopt);
  on.set_time(t0 + 3s, 3'000'001'000);
  const std::optional<Span> span = on.end_connection(traced, 1000);
  ASSERT_TRUE(span);
  EXPECT_EQ(span->duration, 3s);
  EXPECT_EQ(span->open.started_at, 1'000);
}

TEST(Tracer, WhatIsNotSampledIsNotKept) {
  const Tracer none = tracer({.enabled = true, .sampler = Sampler(0)});
  Connection traced = connection();
  none.begin_connection(traced, std::nullopt);
  EXPECT_FALSE(Tracer::kept_context(traced));
  EXPECT_FALSE(none.end_connection(traced, 1000));
  EXPECT_EQ(none.begin_message(traced, {}, 1, "m").span, nullptr);
  EXPECT_FALSE(none.reject_message(traced, 1, protocol::ErrorCode::invalid_json));
}

}  // namespace
}  // namespace gw
