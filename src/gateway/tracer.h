// Where the traces of a shard's connections and messages begin, and how they go on. Nothing here runs for a
// connection that has none.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "core/connection.h"
#include "gateway/spans.h"
#include "protocol/codes.h"

namespace gw {

class Tracer {
 public:
  explicit Tracer(const TraceOptions& options) : options_(options) {}

  bool makes_spans() const { return options_.enabled; }
  // Of the turn that begins; needed only where spans are made.
  void set_time(TimePoint now, int64_t unix_nanoseconds) {
    now_ = now;
    unix_nanoseconds_ = unix_nanoseconds;
  }

  // `from_handshake`: its traceparent, which agents are told even where no spans are made.
  void begin_connection(Connection& connection,
                        const std::optional<protocol::TraceContext>& from_handshake) const;
  // Empty: its span is not kept.
  std::optional<Span> end_connection(const Connection& connection, uint16_t close_code) const;
  // Of a connection whose span is kept.
  static std::optional<protocol::TraceContext> kept_context(const Connection& connection);

  struct Message {
    protocol::TraceContext context;           // what its envelope says
    std::shared_ptr<const MessageSpan> span;  // null: it is not kept
  };
  // `of_message`: its own traceparent.
  Message begin_message(const Connection& connection, const std::optional<protocol::TraceContext>& of_message,
                        size_t bytes, std::string_view message_id) const;
  // The span of a message that was refused before it had an id. Empty: it is not kept.
  std::optional<Span> reject_message(const Connection& connection, size_t bytes,
                                     protocol::ErrorCode why) const;

 private:
  OpenSpan begin_span_of_message(const Connection& connection,
                                 const std::optional<protocol::TraceContext>& of_message) const;

  const TraceOptions options_;
  TimePoint now_;
  int64_t unix_nanoseconds_ = 0;
};

}  // namespace gw
