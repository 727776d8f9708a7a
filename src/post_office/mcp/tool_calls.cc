#include "post_office/mcp/tool_calls.h"

#include <algorithm>

#include "json/json.h"

namespace gw::mcp {
namespace {

constexpr size_t kCursorBytesMax = 256;

Error invalid(std::string detail) { return {Errc::invalid_argument, std::move(detail)}; }

// A misspelled argument would otherwise be silently without effect.
std::optional<Error> find_unknown(const ToolCall& call) {
  const std::vector<std::string_view>& known = call.tool.arguments;
  for (const json::Member& member : *json::parse_object(call.arguments, json::Utf8::trusted)) {
    if (std::find(known.begin(), known.end(), member.key()) != known.end()) continue;
    std::string detail = "there is an unknown argument; known are:";
    for (const std::string_view name : known) detail.append(" ").append(name);
    return invalid(std::move(detail));
  }
  return std::nullopt;
}

// A whole number within bounds, or its default.
Result<int64_t> read_number(BodyFields& arguments, std::string_view name, int64_t min, int64_t max,
                            int64_t otherwise) {
  const std::optional<int64_t> number = arguments.optional_number(name);
  if (arguments.fault()) return *arguments.fault();
  if (number && (*number < min || *number > max)) {
    return invalid(std::string(name) + " must be from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return number.value_or(otherwise);
}

Result<std::optional<LogCursor>> read_cursor(BodyFields& arguments) {
  const std::optional<std::string> text = arguments.optional_text("cursor");
  if (arguments.fault()) return *arguments.fault();
  if (!text) return std::optional<LogCursor>();
  std::optional<LogCursor> cursor = text->size() <= kCursorBytesMax ? LogCursor::parse(*text) : std::nullopt;
  if (!cursor) return invalid("cursor is not one that this gateway has given; leave it out to begin anew");
  return cursor;
}

}  // namespace

void ToolCalls::call(const ToolCall& call, const http::Responder& asker, Done<std::string> done) {
  if (const std::optional<Error> unknown = find_unknown(call)) return done(*unknown);
  BodyFields arguments(call.arguments);
  switch (call.tool.id) {
    case ToolId::get_endpoint: return get_endpoint(call, arguments, std::move(done));
    case ToolId::publish: return publish(call, arguments, std::move(done));
    case ToolId::send: return send(call, arguments, std::move(done));
    case ToolId::subscribe: return subscribe(call, arguments, asker, std::move(done));
  }
}

void ToolCalls::get_endpoint(const ToolCall& call, BodyFields& arguments, Done<std::string> done) {
  const std::string token = arguments.name("session_token");
  const std::string realm = arguments.optional_name("realm").value_or("");
  if (arguments.fault()) return done(*arguments.fault());
  calls_.endpoint(call.key, call.request, token, realm, std::move(done));
}

void ToolCalls::publish(const ToolCall& call, BodyFields& arguments, Done<std::string> done) {
  const std::string channel = arguments.text("channel");
  const std::string_view message = arguments.raw("message");
  const std::optional<std::string> named = arguments.optional_name("realm");
  const std::string tenant = arguments.optional_name("tenant_id").value_or("");
  if (arguments.fault()) return done(*arguments.fault());
  const std::string realm = named.value_or(call.key.realm);
  if (realm.empty()) return done(invalid("realm is required: this API key belongs to none"));
  calls_.publish(call.key, channel, {.message = message, .realm = realm, .tenant_id = tenant},
                 std::move(done));
}

void ToolCalls::send(const ToolCall& call, BodyFields& arguments, Done<std::string> done) {
  const std::string_view message = arguments.raw("message");
  if (arguments.fault()) return done(*arguments.fault());
  const Result<Recipient> recipient = read_recipient(arguments);
  if (!recipient) return done(recipient.error());
  calls_.send(call.key, *recipient, message, std::move(done));
}

void ToolCalls::subscribe(const ToolCall& call, BodyFields& arguments, const http::Responder& asker,
                          Done<std::string> done) {
  const std::string channel = arguments.text("channel");
  const Result<std::optional<LogCursor>> cursor = read_cursor(arguments);
  if (!cursor) return done(cursor.error());
  const Result<int64_t> wait = read_number(arguments, "wait_seconds", 0, kWaitSecondsMax, 0);
  if (!wait) return done(wait.error());
  const Result<int64_t> count = read_number(arguments, "max_messages", 1, kMessagesMax, kMessagesDefault);
  if (!count) return done(count.error());
  const Result<ChannelIndex> granted = granted_channel(call.key, calls_.post_office().channels(), channel);
  if (!granted) return done(granted.error());
  polls_.poll(
      {*granted, call.key.tenant_id, *cursor, static_cast<size_t>(*count), std::chrono::seconds(*wait)},
      asker, std::move(done));
}

}  // namespace gw::mcp
