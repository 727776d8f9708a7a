// Whatever a client sends is either understood, with views into its text or the scratch, or refused with an
// error that can be sent back.
#include <cstdint>

#include "base/assert.h"
#include "base/time.h"
#include "base/utf8.h"
#include "json/json_wrapped.h"
#include "protocol/client_message.h"
#include "protocol/envelope.h"
#include "protocol/server_message.h"

namespace {

using namespace gw;
using namespace gw::protocol;

const EnvelopeWriter kWriter("instance", "reply");

struct Check {
  std::string_view text;
  std::string_view scratch;

  void view(std::string_view part) const {
    const auto inside = [part](std::string_view whole) {
      return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
    };
    // "guide" and "0" are constants.
    ASSERT(part.empty() || inside(text) || inside(scratch) || part == "guide" || part == "0");
  }

  void id(const std::optional<MessageId>& id) const {
    if (!id) return;
    view(id->raw);
    view(id->key);
    const auto raw = json::parse(id->raw);
    const auto key = json::parse(id->key);
    ASSERT(raw && key && raw->kind() == key->kind());
    ASSERT(json::as_string(*raw) == json::as_string(*key));
    ASSERT(json::as_int64(*raw) == json::as_int64(*key));
    std::string ack;
    append_ack(ack, id->raw, AckStatus::published, WallTime{});
    ASSERT(json::parse_object(ack));
  }

  void operator()(const ToChannel& message) const {
    view(message.channel);
    view(message.payload);
    id(message.id);
    ASSERT(message.payload.empty() || json::parse_object(message.payload));
    ASSERT(!message.run || message.id);
    if (message.run) {
      view(message.run->thread_id);
      ASSERT(message.run->format == "text" || message.run->format == "json");
    }
    std::string envelope;
    kWriter.append(envelope, {.message_id = "m",
                              .connection_id = "c",
                              .channel = message.channel,
                              .message = text,
                              .trace = message.trace});
    // Whatever is accepted every reader of envelopes takes.
    const auto read = json::parse_wrapped(envelope);
    ASSERT(read && json::as_string(*read->find("channel")) == message.channel);
  }
  void operator()(const Subscribe& message) const {
    view(message.channel);
    id(message.id);
  }
  void operator()(const Unsubscribe& message) const {
    view(message.channel);
    id(message.id);
  }
  void operator()(const Presence& message) const {
    view(message.channel);
    id(message.id);
  }
  void operator()(const Authenticate& message) const {
    view(message.session_token);
    id(message.id);
  }
  void operator()(const Attach& message) const {
    view(message.run_id);
    view(message.thread_id);
    view(message.cursor.value_or(""));
    ASSERT(message.coalesce_ms <= kCoalesceMsMax);
    id(message.id);
  }
  void operator()(const Detach& message) const {
    view(message.run_id);
    id(message.id);
  }
  void operator()(const Cancel& message) const {
    view(message.run_id);
    view(message.reason);
    id(message.id);
  }
  void operator()(const Ping&) const {}
  void operator()(const Heartbeat&) const {}
  void operator()(const Pong&) const {}
};

void check_error(const ClientError& error, const Check& check, bool is_json) {
  ASSERT((error.code == ErrorCode::invalid_json) == !is_json);
  ASSERT(is_json || error.message == kInvalidJsonMessage);
  check.id(error.id);
  std::string out;
  append_error(out, error.code, error.message, error.id ? error.id->raw : std::string_view(), WallTime{});
  ASSERT(json::parse_object(out));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (!is_valid_utf8(text)) return 0;  // never gets past the WebSocket layer
  std::string scratch;
  const DecodeResult result = decode(text, scratch);
  const Check check{text, scratch};
  const auto read = json::parse(text);
  const bool is_json = read || read.error().reason != json::ParseError::Reason::not_json;
  if (result) {
    ASSERT(read && read->is_object());
    std::visit(check, *result);
  } else {
    check_error(result.error(), check, is_json);
  }
  return 0;
}
