#include "engine/redis/connection_record.h"

#include <array>

#include "core/channel_names.h"
#include "engine/redis/script.h"
#include "json/json.h"

namespace gw::redis {
namespace {

struct Writing {
  const ConnectionRecord& record;
  const ChannelTable& channels;
  const std::string& instance;
};

struct Reading {
  const ChannelTable& channels;
  ConnectionRecord record = {};
  Session session = {};
  bool valid = true;
};

enum class Written : uint8_t { once, again };  // with the record; and whenever it changes

struct Field {
  std::string_view name;
  Written written;
  std::string (*write)(const Writing&);
  void (*read)(std::string_view, Reading&);  // null: for scripts and for readers outside
};

std::string milliseconds(const std::optional<WallTime>& time) {
  return time ? std::to_string(time->time_since_epoch().count()) : "";
}

std::string metadata(const Writing& from) {
  const auto or_null = [](std::string_view text) {
    return text.empty() ? std::nullopt : std::optional(text);
  };
  std::string out;
  json::Writer(out)
      .begin_object()
      .member("user_id", or_null(from.record.user_id()))
      .member("tenant_id", or_null(from.record.tenant_id()))
      .member("connected_at", iso8601(from.record.connected_at))
      .end_object();
  return out;
}

WallTime time_of(std::string_view text) { return parse_iso8601(text).value_or(WallTime()); }

constexpr std::string_view kAiSdk = "ai-sdk";

constexpr std::array kFields{
    Field{"connection_id", Written::once, [](const Writing& from) { return from.record.id.text(); },
          [](std::string_view text, Reading& to) {
            const auto id = ConnectionId::parse(text);
            to.valid = id.has_value();
            to.record.id = id.value_or(ConnectionId());
          }},
    Field{"user_id", Written::once, [](const Writing& from) { return std::string(from.record.user_id()); },
          [](std::string_view text, Reading& to) { to.session.user_id = text; }},
    Field{"session_ref", Written::once,
          [](const Writing& from) { return from.record.session ? from.record.session->ref.str() : ""; },
          [](std::string_view text, Reading& to) { to.session.ref = text; }},
    Field{"tenant_id", Written::once,
          [](const Writing& from) { return std::string(from.record.tenant_id()); },
          [](std::string_view text, Reading& to) { to.session.tenant_id = text; }},
    Field{"gateway_instance_id", Written::once, [](const Writing& from) { return from.instance; },
          [](std::string_view text, Reading& to) { to.record.gateway = text; }},
    Field{"connected_at", Written::once,
          [](const Writing& from) { return iso8601(from.record.connected_at); },
          [](std::string_view text, Reading& to) { to.record.connected_at = time_of(text); }},
    Field{"metadata", Written::once, metadata, nullptr},
    Field{"client_id", Written::once, [](const Writing& from) { return from.record.client_id.str(); },
          nullptr},
    Field{"protocol", Written::once,
          [](const Writing& from) { return std::string(from.record.is_chat ? kAiSdk : ""); },
          [](std::string_view text, Reading& to) { to.record.is_chat = text == kAiSdk; }},
    // An instance with other channels may have written it: what is not known here is passed over.
    Field{"channel", Written::again,
          [](const Writing& from) { return from.channels.name(from.record.channel); },
          [](std::string_view text, Reading& to) {
            to.record.channel = to.channels.find(text).value_or(to.record.channel);
          }},
    Field{"channels", Written::again,
          [](const Writing& from) { return join_channel_names(from.channels, from.record.channels); },
          [](std::string_view text, Reading& to) {
            to.record.channels = parse_channel_names(to.channels, text);
          }},
    Field{"last_activity", Written::again,
          [](const Writing& from) { return iso8601(from.record.last_activity); },
          [](std::string_view text, Reading& to) { to.record.last_activity = time_of(text); }},
    Field{"last_heartbeat", Written::again,
          [](const Writing& from) { return iso8601(from.record.last_heartbeat); },
          [](std::string_view text, Reading& to) { to.record.last_heartbeat = time_of(text); }},
    Field{"pong_owed_since", Written::again,
          [](const Writing& from) { return milliseconds(from.record.pong_owed_since); }, nullptr},
};

bool is_any(const Field&) { return true; }
bool is_changing(const Field& field) { return field.written == Written::again; }

using Which = bool (*)(const Field&);

void append(Words& words, const Writing& from, Which which) {
  for (const Field& field : kFields) {
    if (which(field)) words.keep(field.write(from));
  }
}

std::vector<std::string_view> names(Which which) {
  std::vector<std::string_view> out;
  for (const Field& field : kFields) {
    if (which(field)) out.push_back(field.name);
  }
  return out;
}

// local function f(at) return {a = ARGV[at + 0], b = ARGV[at + 1]} end
std::string lua_reader(std::string_view function, const std::vector<std::string_view>& fields) {
  std::string out = joined("local function ", function, "(at) return {");
  for (size_t i = 0; i < fields.size(); ++i) {
    out += joined(i == 0 ? "" : ", ", fields[i], " = ARGV[at + ", std::to_string(i), "]");
  }
  return out + "} end\n";
}

// local function f(key, at) redis.call('HSET', key, 'a', ARGV[at + 0], 'b', ARGV[at + 1]) end
std::string lua_writer(std::string_view function, const std::vector<std::string_view>& fields) {
  std::string out = joined("local function ", function, "(key, at) redis.call('HSET', key");
  for (size_t i = 0; i < fields.size(); ++i) {
    out += joined(", '", fields[i], "', ARGV[at + ", std::to_string(i), "]");
  }
  return out + ") end\n";
}

}  // namespace

void ConnectionRecords::append_fields(Words& words, const ConnectionRecord& record) const {
  append(words, {record, channels_, instance_}, is_any);
}

void ConnectionRecords::append_changes(Words& words, const ConnectionRecord& record) const {
  append(words, {record, channels_, instance_}, is_changing);
}

std::vector<std::string_view> ConnectionRecords::fields() { return names(is_any); }
std::vector<std::string_view> ConnectionRecords::changing_fields() { return names(is_changing); }

std::string ConnectionRecords::lua() {
  const auto all = fields(), changing = changing_fields();
  return joined("local field_count, change_count = ", std::to_string(all.size()), ", ",
                std::to_string(changing.size()), "\n", lua_reader("fields_at", all), lua_writer("store", all),
                lua_reader("changes_at", changing), lua_writer("store_changes", changing));
}

std::span<const std::string_view> ConnectionRecords::fields_read() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> read;
    for (const Field& field : kFields) {
      if (field.read) read.push_back(field.name);
    }
    return read;
  }();
  return names;
}

std::optional<ConnectionRecord> ConnectionRecords::from_fields(const Reply& values) const {
  Reading to{channels_};
  size_t position = 0;
  for (const Field& field : kFields) {
    if (field.read) field.read(values[position++].text(), to);
  }
  if (!to.valid || to.record.gateway.empty()) return std::nullopt;
  if (!to.session.ref.empty()) to.record.session = std::make_shared<const Session>(std::move(to.session));
  return std::move(to.record);
}

}  // namespace gw::redis
