#include "post_office/webhooks/posted_envelope.h"

#include "base/ids.h"
#include "json/json.h"

namespace gw {
namespace {

std::string text_of(const json::Object& object, std::string_view name) {
  const json::Value* const value = object.find(name);
  return value ? json::as_string(*value).value_or("") : "";
}

}  // namespace

PostedEnvelope PostedEnvelope::read(std::string delivery_id, std::string text) {
  PostedEnvelope envelope;
  envelope.delivery_id = std::move(delivery_id);
  envelope.text = std::move(text);
  envelope.message_id = envelope.delivery_id;
  const auto object = json::parse_object(envelope.text);
  if (!object) return envelope;
  // It goes into a header. In Redis others can write, too.
  if (std::string id = text_of(*object, "message_id"); is_valid_name(id)) envelope.message_id = std::move(id);
  envelope.connection_id = text_of(*object, "connection_id");
  envelope.trace = protocol::parse_traceparent(text_of(*object, "traceparent"));
  const json::Value* const run = object->find("run");
  if (!run || !run->is_object()) return envelope;
  const json::Object members = json::members(*run);
  if (std::string id = text_of(members, "run_id"); is_valid_run_id(id)) envelope.run_id = std::move(id);
  envelope.run_format = parse_run_format(text_of(members, "format")).value_or(RunFormat::text);
  return envelope;
}

}  // namespace gw
