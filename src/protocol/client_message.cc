#include "protocol/client_message.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "base/assert.h"
#include "protocol/json.h"
#include "protocol/traceparent.h"
#include "protocol/utf8.h"

namespace gw::protocol {
namespace {

using json::Value;

constexpr std::string_view kDefaultChannel = "guide";
constexpr std::string_view kPillarPrefix = "pillar:";

// The members that mean something to us; the rest is between client and agent. Of duplicates the last.
struct Fields {
  const Value* type = nullptr;
  const Value* channel = nullptr;
  const Value* intent = nullptr;
  const Value* payload = nullptr;
  const Value* id = nullptr;
  const Value* traceparent = nullptr;
  const Value* session_token = nullptr;
  const Value* agent_type = nullptr;
  const Value* pillar = nullptr;
  const Value* message = nullptr;
};

struct FieldName {
  std::string_view name;
  const Value* Fields::*field;
};
constexpr std::array<FieldName, 10> kFieldNames{{{"channel", &Fields::channel},
                                                 {"payload", &Fields::payload},
                                                 {"intent", &Fields::intent},
                                                 {"id", &Fields::id},
                                                 {"type", &Fields::type},
                                                 {"traceparent", &Fields::traceparent},
                                                 {"session_token", &Fields::session_token},
                                                 {"agent_type", &Fields::agent_type},
                                                 {"pillar", &Fields::pillar},
                                                 {"message", &Fields::message}}};

Fields pick_fields(const json::Object& object) {
  Fields fields;
  for (const json::Member& member : object) {
    const auto known = std::find_if(kFieldNames.begin(), kFieldNames.end(), [&](const FieldName& candidate) {
      return member.key_is(candidate.name);
    });
    if (known != kFieldNames.end()) fields.*(known->field) = &member.value();
  }
  return fields;
}

std::optional<std::string> text_of(const Value* value) {
  return value != nullptr ? json::as_string(*value) : std::nullopt;
}

bool is_one_of(const Value* value, json::Kind kind) { return value != nullptr && value->kind() == kind; }

class Decoder {
 public:
  // Every string that is copied into scratch is at most as long as it was written, so that one reservation
  // holds them all and no view moves.
  Decoder(std::string_view text, std::string& scratch) : text_(text), scratch_(scratch) {
    scratch_.clear();
    scratch_.reserve(text.size() + kPillarPrefix.size());
    reserved_ = scratch_.capacity();
  }

  DecodeResult decode() {
    const auto object = json::parse_object(text_, json::Utf8::trusted);
    if (!object) return not_an_object(object.error());
    fields_ = pick_fields(*object);
    DecodeResult result = fields_.type != nullptr ? control() : to_channel();
    ASSERT(scratch_.capacity() == reserved_);
    return result;
  }

 private:
  static ClientError not_an_object(const json::ParseError& error) {
    using Reason = json::ParseError::Reason;
    switch (error.reason) {
      case Reason::not_json: break;
      case Reason::not_object: return {ErrorCode::invalid_message, "the top level must be an object", {}};
      case Reason::too_deep:
        return {ErrorCode::invalid_message,
                "the message is nested deeper than " + std::to_string(json::kDepthMax) + " levels",
                {}};
    }
    return {ErrorCode::invalid_json, std::string(kInvalidJsonMessage), {}};
  }

  ClientError fault(std::string_view message) const {
    return {ErrorCode::invalid_message, std::string(message), id_};
  }

  // Liveness is answered whatever else the message holds; only the others are looked at further.
  DecodeResult control() {
    const auto type = text_of(fields_.type);
    if (type == "ping") return ClientMessage(Ping{});
    if (type == "heartbeat") return ClientMessage(Heartbeat{});
    if (type == "pong") return ClientMessage(Pong{});
    if (!read_id()) return bad_id();
    if (type == "subscribe" || type == "unsubscribe") {
      if (!is_one_of(fields_.channel, json::Kind::string)) return fault("channel must be a string");
      const std::string_view channel = view_of(*fields_.channel);
      if (type == "subscribe") return ClientMessage(Subscribe{channel, id_});
      return ClientMessage(Unsubscribe{channel, id_});
    }
    if (type == "authenticate") {
      if (!is_one_of(fields_.session_token, json::Kind::string))
        return fault("session_token must be a string");
      return ClientMessage(Authenticate{view_of(*fields_.session_token), id_});
    }
    return fault("type must be subscribe, unsubscribe, authenticate, ping, pong or heartbeat, or absent");
  }

  DecodeResult to_channel() {
    if (!read_id()) return bad_id();
    ToChannel message;
    const bool older_form = fields_.channel == nullptr && fields_.agent_type != nullptr;
    if (const char* complaint = older_form ? read_agent(message) : read_channel(message))
      return fault(complaint);
    if (fields_.intent != nullptr) {
      const auto intent = parse_intent(text_of(fields_.intent).value_or(""));
      if (!intent) return fault("intent must be chat, query or command");
      message.intent = *intent;
    }
    message.id = id_;
    message.traceparent = traceparent();
    return ClientMessage(message);
  }

  // The two forms of an address and a content; each returns what is wrong, or null.
  const char* read_channel(ToChannel& message) {
    if (fields_.channel != nullptr && !fields_.channel->is_string()) return "channel must be a string";
    message.channel = fields_.channel != nullptr ? view_of(*fields_.channel) : kDefaultChannel;
    if (!is_one_of(fields_.payload, json::Kind::object)) return "payload must be an object";
    message.payload = fields_.payload->raw();
    return nullptr;
  }

  const char* read_agent(ToChannel& message) {
    const auto agent = text_of(fields_.agent_type);
    if (agent != "guide" && agent != "liaison") return "agent_type must be guide or liaison";
    if (agent == "liaison" && !is_one_of(fields_.pillar, json::Kind::string))
      return "pillar must be a string";
    message.channel = agent == "guide" ? kDefaultChannel : copied(kPillarPrefix, *text_of(fields_.pillar));
    if (fields_.payload != nullptr) {
      if (!fields_.payload->is_object()) return "payload must be an object";
      message.payload = fields_.payload->raw();
    } else if (!is_one_of(fields_.message, json::Kind::string)) {
      return "message must be a string";
    }
    return nullptr;
  }

  // False when there is an id that cannot be one; id_ stays empty then, since it cannot be echoed either.
  bool read_id() {
    if (fields_.id == nullptr) return true;
    const auto key = fields_.id->is_string() ? string_id_key() : integer_id_key();
    if (key) id_ = MessageId{fields_.id->raw(), *key};
    return key.has_value();
  }

  DecodeResult bad_id() const {
    return fault("id must be a string of 1 to 64 characters or a 64-bit integer");
  }

  std::optional<std::string_view> string_id_key() {
    const auto plain = json::as_plain_string(*fields_.id);
    const std::string text = plain ? std::string() : *json::as_string(*fields_.id);
    const std::string_view characters = plain.value_or(text);
    if (characters.empty() || count_code_points(characters) > kIdCharactersMax) return std::nullopt;
    if (plain) return fields_.id->raw();
    const size_t start = scratch_.size();
    json::append_quoted(scratch_, text);
    return std::string_view(scratch_).substr(start);
  }

  std::optional<std::string_view> integer_id_key() const {
    const auto number = json::as_int64(*fields_.id);
    if (!number) return std::nullopt;
    return *number == 0 ? "0" : fields_.id->raw();  // -0 is the one integer with two spellings
  }

  // One that is not valid is as good as none (Trace Context, section 4.3).
  std::string_view traceparent() const {
    if (fields_.traceparent == nullptr) return {};
    const auto text = json::as_plain_string(*fields_.traceparent);
    return text && is_valid_traceparent(*text) ? *text : std::string_view();
  }

  std::string_view view_of(const Value& string) {
    const auto plain = json::as_plain_string(string);
    return plain ? *plain : copied({}, *json::as_string(string));
  }

  std::string_view copied(std::string_view prefix, std::string_view text) {
    const size_t start = scratch_.size();
    scratch_.append(prefix).append(text);
    return std::string_view(scratch_).substr(start);
  }

  const std::string_view text_;
  std::string& scratch_;
  size_t reserved_ = 0;
  Fields fields_;
  std::optional<MessageId> id_;
};

}  // namespace

DecodeResult decode(std::string_view text, std::string& scratch) { return Decoder(text, scratch).decode(); }

void throw_exception_from_error(const ClientError& error, const boost::source_location&) {
  throw std::logic_error(error.message);
}

}  // namespace gw::protocol
