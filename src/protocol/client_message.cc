#include "protocol/client_message.h"

#include <initializer_list>
#include <stdexcept>

#include "base/assert.h"
#include "base/utf8.h"
#include "json/json.h"

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
  const Value* run = nullptr;
  const Value* run_id = nullptr;
  const Value* thread_id = nullptr;
  const Value* cursor = nullptr;
  const Value* coalesce_ms = nullptr;
  const Value* reason = nullptr;
  const Value* watch = nullptr;
};

// By length first: a message has a handful of keys, most of them not ours.
const Value* Fields::*field_named(std::string_view key) {
  switch (key.size()) {
    case 2: return key == "id" ? &Fields::id : nullptr;
    case 3: return key == "run" ? &Fields::run : nullptr;
    case 4: return key == "type" ? &Fields::type : nullptr;
    case 5: return key == "watch" ? &Fields::watch : nullptr;
    case 6:
      return key == "intent"   ? &Fields::intent
             : key == "pillar" ? &Fields::pillar
             : key == "run_id" ? &Fields::run_id
             : key == "cursor" ? &Fields::cursor
             : key == "reason" ? &Fields::reason
                               : nullptr;
    case 7:
      return key == "channel"   ? &Fields::channel
             : key == "payload" ? &Fields::payload
             : key == "message" ? &Fields::message
                                : nullptr;
    case 9: return key == "thread_id" ? &Fields::thread_id : nullptr;
    case 10: return key == "agent_type" ? &Fields::agent_type : nullptr;
    case 11:
      return key == "traceparent"   ? &Fields::traceparent
             : key == "coalesce_ms" ? &Fields::coalesce_ms
                                    : nullptr;
    case 13: return key == "session_token" ? &Fields::session_token : nullptr;
    default: return nullptr;
  }
}

Fields pick_fields(const json::Object& object) {
  Fields fields;
  for (const json::Member& member : object) {
    const auto field = member.key_escaped() ? field_named(member.key()) : field_named(member.raw_key());
    if (field != nullptr) fields.*field = &member.value();
  }
  return fields;
}

bool is_string(const Value* value) { return value != nullptr && value->is_string(); }
bool is_object(const Value* value) { return value != nullptr && value->is_object(); }

class Decoder {
 public:
  Decoder(std::string_view text, std::string& scratch) : text_(text), scratch_(scratch) { scratch_.clear(); }

  DecodeResult decode() {
    const auto object = json::parse_object(text_, json::Utf8::trusted);
    if (!object) return not_an_object(object.error());
    fields_ = pick_fields(*object);
    return fields_.type != nullptr ? control() : to_channel();
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

  // Signs of life are taken whatever else the message holds.
  DecodeResult control() {
    const std::string_view type = text_of(fields_.type);
    if (type == "ping") return ClientMessage(Ping{});
    if (type == "heartbeat") return ClientMessage(Heartbeat{});
    if (type == "pong") return ClientMessage(Pong{});
    if (!read_id()) return bad_id();
    if (type == "authenticate") {
      if (!is_string(fields_.session_token)) return fault("session_token must be a string");
      return ClientMessage(Authenticate{text_of(fields_.session_token), id_});
    }
    if (type == "attach") return attach();
    if (type == "detach" || type == "cancel") return of_a_run(type);
    if (type != "subscribe" && type != "unsubscribe" && type != "presence") {
      return fault(
          "type must be subscribe, unsubscribe, presence, authenticate, attach, detach, cancel, ping, pong "
          "or "
          "heartbeat, or absent");
    }
    if (!is_string(fields_.channel)) return fault("channel must be a string");
    const std::string_view channel = text_of(fields_.channel);
    if (type == "subscribe") return ClientMessage(Subscribe{channel, id_});
    if (type == "presence") return presence(channel);
    return ClientMessage(Unsubscribe{channel, id_});
  }

  DecodeResult presence(std::string_view channel) {
    Presence message{channel, {}, id_};
    if (fields_.watch != nullptr) {
      message.watch = json::as_bool(*fields_.watch);
      if (!message.watch) return fault("watch must be true or false");
    }
    return ClientMessage(message);
  }

  DecodeResult attach() {
    Attach message;
    message.id = id_;
    if ((fields_.run_id == nullptr) == (fields_.thread_id == nullptr))
      return fault("attach needs either run_id or thread_id");
    if (!is_string(fields_.run_id != nullptr ? fields_.run_id : fields_.thread_id))
      return fault("run_id and thread_id must be strings");
    message.run_id = text_of(fields_.run_id);
    message.thread_id = text_of(fields_.thread_id);
    if (fields_.cursor != nullptr) {
      if (!is_string(fields_.cursor)) return fault("cursor must be a string");
      message.cursor = text_of(fields_.cursor);
    }
    if (fields_.coalesce_ms != nullptr) {
      const auto ms = json::as_int64(*fields_.coalesce_ms);
      if (!ms || *ms < 0 || *ms > kCoalesceMsMax) return fault("coalesce_ms must be 0 to 1000");
      message.coalesce_ms = static_cast<uint16_t>(*ms);
    }
    return ClientMessage(message);
  }

  DecodeResult of_a_run(std::string_view type) {
    if (!is_string(fields_.run_id)) return fault("run_id must be a string");
    const std::string_view run_id = text_of(fields_.run_id);
    if (type == "detach") return ClientMessage(Detach{run_id, id_});
    if (fields_.reason != nullptr && !is_string(fields_.reason)) return fault("reason must be a string");
    const std::string_view reason = text_of(fields_.reason);
    if (count_code_points(reason) > kReasonCharactersMax)
      return fault("reason must have at most 256 characters");
    return ClientMessage(Cancel{run_id, reason, id_});
  }

  DecodeResult to_channel() {
    if (!read_id()) return bad_id();
    ToChannel message;
    const bool older_form = fields_.channel == nullptr && fields_.agent_type != nullptr;
    const char* const complaint = older_form ? read_agent(message) : read_channel(message);
    if (complaint != nullptr) return fault(complaint);
    if (fields_.intent != nullptr) {
      const auto intent = parse_intent(text_of(fields_.intent));
      if (!intent) return fault("intent must be chat, query or command");
      message.intent = *intent;
    }
    message.id = id_;
    if (fields_.run != nullptr) {
      if (const char* const wrong = older_form ? "run: not in this form of a message" : read_run(message))
        return fault(wrong);
    }
    // One that is not valid is as good as none (Trace Context, section 4.3).
    message.trace = parse_traceparent(text_of(fields_.traceparent));
    return ClientMessage(message);
  }

  // The two forms of address and content. Each returns what is wrong, or null.
  const char* read_channel(ToChannel& message) {
    if (fields_.channel != nullptr && !fields_.channel->is_string()) return "channel must be a string";
    message.channel = fields_.channel != nullptr ? text_of(fields_.channel) : kDefaultChannel;
    if (!is_object(fields_.payload)) return "payload must be an object";
    message.payload = fields_.payload->raw();
    return nullptr;
  }

  const char* read_agent(ToChannel& message) {
    const std::string_view agent = text_of(fields_.agent_type);
    if (agent != "guide" && agent != "liaison") return "agent_type must be guide or liaison";
    if (agent == "liaison" && !is_string(fields_.pillar)) return "pillar must be a string";
    message.channel = agent == "guide" ? kDefaultChannel : kept({kPillarPrefix, text_of(fields_.pillar)});
    if (fields_.payload != nullptr) {
      if (!fields_.payload->is_object()) return "payload must be an object";
      message.payload = fields_.payload->raw();
    } else if (!is_string(fields_.message)) {
      return "message must be a string";
    }
    return nullptr;
  }

  const char* read_run(ToChannel& message) {
    if (!fields_.run->is_object()) return "run must be an object";
    if (!message.id) return "run needs an id";
    RunAsk& ask = message.run.emplace();
    const json::Object run = json::members(*fields_.run);
    for (const json::Member& member : run) {
      if (!member.key_is("thread_id") && !member.key_is("format"))
        return "run may have thread_id and format only";
    }
    if (const Value* const thread = run.find("thread_id")) {
      if (!thread->is_string()) return "run.thread_id must be a string";
      ask.thread_id = text_of(thread);
      if (ask.thread_id.empty()) return "run.thread_id must not be empty";
    }
    if (const Value* const format = run.find("format")) {
      ask.format = text_of(format);
      if (ask.format != "text" && ask.format != "json") return "run.format must be text or json";
    }
    return nullptr;
  }

  // False when there is an id that cannot be one; id_ stays empty then, since it cannot be echoed either.
  bool read_id() {
    if (fields_.id == nullptr) return true;
    const auto key = fields_.id->is_string() ? string_id_key(*fields_.id) : integer_id_key(*fields_.id);
    if (key) id_ = MessageId{fields_.id->raw(), *key};
    return key.has_value();
  }

  DecodeResult bad_id() const {
    return fault("id must be a string of at most 64 characters or an integer of at most 64 digits");
  }

  std::optional<std::string_view> string_id_key(const Value& id) {
    const std::string_view text = text_of(&id);
    if (text.size() > kIdCharactersMax && count_code_points(text) > kIdCharactersMax) return std::nullopt;
    if (!id.is_escaped_string()) return id.raw();
    std::string key;
    json::append_quoted(key, text);
    return kept({key});
  }

  static std::optional<std::string_view> integer_id_key(const Value& id) {
    // Echoed as text and never counted with, so an integer may be as long as a string.
    const std::string_view text = id.raw();
    const bool integer = id.is_number() && text.find_first_of(".eE") == std::string_view::npos;
    if (!integer || text.size() > kIdCharactersMax) return std::nullopt;
    return text == "-0" ? "0" : text;  // the one integer with two spellings
  }

  // What a string says; empty for anything else, nothing included.
  std::string_view text_of(const Value* value) {
    if (!is_string(value)) return {};
    const auto plain = json::as_plain_string(*value);
    return plain ? *plain : kept({*json::as_string(*value)});
  }

  // In scratch. Unescaping never lengthens, and no field is kept more than twice: reserved so, no view moves.
  std::string_view kept(std::initializer_list<std::string_view> parts) {
    if (scratch_.empty()) scratch_.reserve(2 * text_.size() + kPillarPrefix.size());
    const size_t reserved = scratch_.capacity();
    const size_t start = scratch_.size();
    for (const std::string_view part : parts) scratch_.append(part);
    ASSERT(scratch_.capacity() == reserved);
    return std::string_view(scratch_).substr(start);
  }

  const std::string_view text_;
  std::string& scratch_;
  Fields fields_;
  std::optional<MessageId> id_;
};

}  // namespace

DecodeResult decode(std::string_view text, std::string& scratch) { return Decoder(text, scratch).decode(); }

void throw_exception_from_error(const ClientError& error, const boost::source_location&) {
  throw std::logic_error(error.message);
}

}  // namespace gw::protocol
