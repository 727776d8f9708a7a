// What agents say in the bodies of their calls about runs. Pure; a fault is invalid_argument and names the
// field.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "core/run/run.h"
#include "post_office/post_office.h"

namespace gw {

struct RunCreation {
  std::string channel;
  std::optional<Recipient> to;  // absent: the channel
  std::string tenant_id;        // empty: none was named
  NewRun run;                   // without channel, audience and tenant; claimed by its maker
};
Result<RunCreation> read_run_creation(std::string_view body);

struct RunClaimCall {
  RunClaim claim;
  bool include_text = false;
};
Result<RunClaimCall> read_run_claim(std::string_view body);

struct RunAppendCall {
  RunAppend append;
  size_t items = 0;
};
// Text or items, an end, or both.
Result<RunAppendCall> read_run_append(std::string_view body);
// An end alone.
Result<RunAppendCall> read_run_end(std::string_view body);

struct RunHeartbeatCall {
  RunHeartbeat heartbeat;
  Duration wait{};
};
Result<RunHeartbeatCall> read_run_heartbeat(std::string_view body);

// The reason; the body may be empty.
Result<std::string> read_run_cancel(std::string_view body);

// A line of the log: the item byte for byte, but for raw line breaks between its tokens, which become blanks.
void append_item(std::string& log, std::string_view item);

}  // namespace gw
