// An envelope on its way to a webhook, and what the gateway has to know of it.
#pragma once

#include <optional>
#include <string>

#include "core/run/run.h"
#include "protocol/traceparent.h"

namespace gw {

struct PostedEnvelope {
  std::string delivery_id;  // of the group
  std::string text;
  // Of the envelope; empty: it has none.
  std::string message_id, connection_id, run_id;
  RunFormat run_format = RunFormat::text;
  std::optional<protocol::TraceContext> trace;

  static PostedEnvelope read(std::string delivery_id, std::string text);
};

}  // namespace gw
