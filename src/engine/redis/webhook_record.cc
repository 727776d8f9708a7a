#include "engine/redis/webhook_record.h"

#include "json/json.h"

namespace gw::redis {
namespace {

WallTime time_of(int64_t milliseconds) { return WallTime(std::chrono::milliseconds(milliseconds)); }

std::string text_of(const json::Object& object, std::string_view name) {
  const json::Value* const value = object.find(name);
  return value ? json::as_string(*value).value_or("") : "";
}

int64_t number_of(const json::Object& object, std::string_view name) {
  const json::Value* const value = object.find(name);
  return value ? json::as_int64(*value).value_or(0) : 0;
}

bool flag_of(const json::Object& object, std::string_view name) {
  const json::Value* const value = object.find(name);
  return value && json::as_bool(*value).value_or(false);
}

}  // namespace

std::string webhook_record(const Webhook& webhook) {
  std::string record = webhook.realm + "\n";
  json::Writer(record)
      .begin_object()
      .member("id", webhook.id)
      .member("channel", webhook.channel)
      .member("callback", webhook.callback)
      .member("realm", webhook.realm)
      .member("tenant_id", webhook.tenant_id)
      .member("group", webhook.group)
      .member("secret", webhook.secret)
      .member("old_secret", webhook.old_secret)
      .member("old_secret_until", webhook.old_secret_until.time_since_epoch().count())
      .member("in_flight_max", webhook.in_flight_max)
      .member("may_send", webhook.may_send)
      .member("may_run", webhook.may_run)
      .member("created_at", webhook.created_at.time_since_epoch().count())
      .end_object();
  return record;
}

std::optional<Webhook> parse_webhook_record(std::string_view record) {
  const size_t end = record.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const auto object = json::parse_object(record.substr(end + 1));
  if (!object) return std::nullopt;
  Webhook webhook;
  webhook.id = text_of(*object, "id");
  webhook.channel = text_of(*object, "channel");
  webhook.callback = text_of(*object, "callback");
  webhook.realm = text_of(*object, "realm");
  webhook.tenant_id = text_of(*object, "tenant_id");
  webhook.group = text_of(*object, "group");
  webhook.secret = text_of(*object, "secret");
  webhook.old_secret = text_of(*object, "old_secret");
  webhook.old_secret_until = time_of(number_of(*object, "old_secret_until"));
  webhook.in_flight_max = static_cast<uint32_t>(number_of(*object, "in_flight_max"));
  webhook.may_send = flag_of(*object, "may_send");
  webhook.may_run = flag_of(*object, "may_run");
  webhook.created_at = time_of(number_of(*object, "created_at"));
  const bool is_whole = !webhook.id.empty() && !webhook.group.empty() && !webhook.secret.empty();
  return is_whole ? std::optional(std::move(webhook)) : std::nullopt;
}

}  // namespace gw::redis
