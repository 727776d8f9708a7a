// What agents receive (docs/PROTOCOL.md, "Inbound envelope"): the client's message byte for byte, and around
// it what the gateway knows. One of these is written for every routed message.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "protocol/traceparent.h"

namespace gw::protocol {

// The run for the answer, which exists already.
struct InboundRun {
  std::string_view run_id = {};
  std::string_view thread_id = {};  // or null
  std::string_view format = {};     // "text", "json", "ai-sdk", "ag-ui"
  std::string_view protocol = {};   // how the client will read it, where that is not ours; or null
};

// An empty view is written as null where that is noted.
struct Inbound {
  std::string_view message_id = {};
  std::string_view connection_id = {};  // or null: it was asked over HTTP
  std::string_view channel = {};
  std::string_view message = {};  // JSON, passed byte for byte
  WallTime timestamp = {};
  std::string_view session_ref = {};       // or null
  std::string_view user_id = {};           // or null
  std::string_view tenant_id = {};         // or null
  std::optional<TraceContext> trace = {};  // or null
  std::optional<InboundRun> run = {};      // else the member is not there
};

// Holds the parts that are the same for every envelope of an instance, ready made.
class EnvelopeWriter {
 public:
  // `reply_to` is the address of this instance: "websocket:gateway:<instance>".
  EnvelopeWriter(std::string_view gateway_instance, std::string_view reply_to);

  // The message is valid JSON in UTF-8 (the decoder has read it); so is what is appended.
  void append(std::string& out, const Inbound& inbound) const;

 private:
  std::string instance_part_;  // ,"gateway_instance":"…","session_ref":
  std::string reply_part_;     // ,"reply_to":"…","traceparent":
};

// A realm's publication, as the channel's agents see it.
struct RealmPublication {
  std::string_view message_id = {};
  std::string_view channel = {};
  std::string_view source = {};   // the realm
  std::string_view message = {};  // JSON, passed byte for byte
  WallTime timestamp = {};
};
void append_publication(std::string& out, const RealmPublication& publication);

}  // namespace gw::protocol
