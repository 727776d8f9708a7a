#include "protocol/ag_ui_framing.h"

#include <algorithm>
#include <functional>

#include "protocol/item_shapes.h"

namespace gw::protocol {
namespace {

using How = FramedEnd::How;

uint64_t digest_of(std::string_view text) { return std::hash<std::string_view>()(text); }
uint64_t owner_of(const std::optional<std::string>& tag) { return AgUiOwners::owner_of(tag); }

bool contains(const std::vector<std::string>& ids, const std::string& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

std::optional<std::string> text_if_any(const json::Object& object, std::string_view member) {
  const json::Value* const value = object.find(member);
  return value ? json::as_string(*value) : std::nullopt;
}

std::string quoted(std::string_view id) { return " \"" + std::string(id) + "\""; }

constexpr std::string_view kIdOf[] = {"messageId", "toolCallId", "messageId", "messageId"};
constexpr std::string_view kNameOf[] = {"message", "tool call", "reasoning", "reasoning message"};

}  // namespace

const std::array<AgUiFraming::Rule, 11> AgUiFraming::kRules{{
    {"TEXT_MESSAGE_CONTENT", message, Step::go_on},
    {"TEXT_MESSAGE_START", message, Step::begin},
    {"TEXT_MESSAGE_END", message, Step::end},
    {"TOOL_CALL_ARGS", call, Step::go_on},
    {"TOOL_CALL_START", call, Step::begin},
    {"TOOL_CALL_END", call, Step::end},
    {"REASONING_MESSAGE_CONTENT", reasoning, Step::go_on},
    {"REASONING_MESSAGE_START", reasoning, Step::begin},
    {"REASONING_MESSAGE_END", reasoning, Step::end},
    {"REASONING_START", span, Step::begin},
    {"REASONING_END", span, Step::end},
}};

void AgUiFraming::append_head(std::string& out, const FramedHead& head) {
  FramedLine(out, "RUN_STARTED")
      .text("threadId", head.thread_id.empty() ? head.run_id : head.thread_id)
      .text("runId", head.client_run_id.empty() ? head.run_id : head.client_run_id);
  if (!head.messages.empty()) FramedLine(out, "MESSAGES_SNAPSHOT").raw("messages", head.messages);
}

// --- What stands in the log -------------------------------------------------------------------------------

bool AgUiFraming::is_opening(std::string_view line) const {
  return opening_ == 0 ? line == kNoMessages : digest_of(line) == opening_;
}

std::string AgUiFraming::apply(const FramedItem& item) {
  const std::string_view type = item.type;
  if (events_ < 2 && ++events_ == 2 && type == "MESSAGES_SNAPSHOT") opening_ = digest_of(item.line);
  const Tag tag = text_if_any(item.members, "subagentRunId");
  if (type.ends_with("_CHUNK")) {
    said_ = FramedSaid::items;
    return apply_chunk(item, tag);
  }
  end_lanes(item, tag);
  const auto rule = std::find_if(kRules.begin(), kRules.end(), [&](const Rule& r) { return r.type == type; });
  if (rule != kRules.end()) return apply_rule(*rule, item, tag);
  if (type == "RUN_STARTED") {
    thread_id_ = text_of(item.members, "threadId");
    run_id_ = text_of(item.members, "runId");
    return {};
  }
  if (type == "MESSAGES_SNAPSHOT") {
    said_ = is_opening(item.line) ? FramedSaid::nothing : FramedSaid::items;
    owners_.take_messages(item.members);
    return {};
  }
  said_ = FramedSaid::items;
  if (type.starts_with("STEP_")) return apply_step(item, tag);
  if (type.starts_with("SUBAGENT_")) return apply_subagent(item);
  is_over_ = type == "RUN_FINISHED" || type == "RUN_ERROR";
  if (type == "TOOL_CALL_RESULT")
    owners_.set(Bucket::message, text_of(item.members, "messageId"), owner_of(tag));
  if (type == "ACTIVITY_SNAPSHOT") {
    const std::string id = text_of(item.members, "messageId");
    const json::Value* const replace = item.members.find("replace");
    const bool replaces = !replace || json::as_bool(*replace).value_or(true);
    if (replaces || !owners_.find(Bucket::activity, id)) owners_.set(Bucket::activity, id, owner_of(tag));
  }
  if (type == "ACTIVITY_DELTA" &&
      owners_.is_foreign(Bucket::activity, text_of(item.members, "messageId"), tag))
    return "the activity belongs to another subagentRunId";
  if (type == "REASONING_ENCRYPTED_VALUE") {
    const std::string id = text_of(item.members, "entityId");
    Bucket bucket = Bucket::call;
    if (text_of(item.members, "subtype") == "message")
      bucket = owners_.find(Bucket::message, id) ? Bucket::message : Bucket::reasoning;
    if (owners_.is_foreign(bucket, id, tag)) return "the entity belongs to another subagentRunId";
  }
  return {};
}

std::string AgUiFraming::apply_rule(const Rule& rule, const FramedItem& item, const Tag& tag) {
  const std::string id = text_of(item.members, kIdOf[rule.kind]);
  const bool is_gateways = rule.kind == message && is_own(id);
  said_ = is_gateways ? FramedSaid::text : FramedSaid::items;
  if (rule.step == Step::begin) {
    if (is_gateways) ++own_messages_;
    const auto parent = rule.kind == call ? text_if_any(item.members, "parentMessageId") : std::nullopt;
    return begin(rule.kind, id, tag, parent);
  }
  std::string why = go_on(rule.kind, id, tag);
  if (!why.empty() || rule.step != Step::end) return why;
  if (in_lane(rule.kind, id)) return "chunks of" + quoted(id) + " end by themselves";
  std::erase(open_[rule.kind], id);
  return {};
}

std::string AgUiFraming::begin(Kind kind, const std::string& id, const Tag& tag,
                               const std::optional<std::string>& parent) {
  if (contains(open_[kind], id)) return "the " + std::string(kNameOf[kind]) + quoted(id) + " is open already";
  const Bucket bucket = bucket_of(kind);
  // An untagged call belongs to whom its message belongs to.
  const auto above = parent ? owners_.find(Bucket::message, *parent) : std::nullopt;
  const auto before = owners_.find(bucket, id);
  const bool is_strange =
      (above && tag && *above != owner_of(tag)) || (above && !tag && before && *before != *above);
  if (is_strange || owners_.is_foreign(bucket, id, tag))
    return "the " + std::string(kNameOf[kind]) + quoted(id) + " belongs to another subagentRunId";
  open_[kind].push_back(id);
  if (!before) owners_.set(bucket, id, tag ? owner_of(tag) : above.value_or(0));
  return {};
}

std::string AgUiFraming::go_on(Kind kind, const std::string& id, const Tag& tag) const {
  if (!contains(open_[kind], id)) return "there is no open " + std::string(kNameOf[kind]) + quoted(id);
  if (owners_.is_foreign(bucket_of(kind), id, tag))
    return "the " + std::string(kNameOf[kind]) + quoted(id) + " belongs to another subagentRunId";
  return {};
}

std::string AgUiFraming::apply_step(const FramedItem& item, const Tag& tag) {
  const std::pair step(tag, text_of(item.members, "stepName"));
  const auto open = std::find(steps_.begin(), steps_.end(), step);
  const bool begins = item.type == "STEP_STARTED";
  if (begins && open != steps_.end()) return "the step" + quoted(step.second) + " is open already";
  if (!begins && open == steps_.end())
    return "there is no open step" + quoted(step.second) + " of that subagentRunId";
  if (begins) {
    steps_.push_back(step);
  } else {
    steps_.erase(open);
  }
  return {};
}

std::string AgUiFraming::apply_subagent(const FramedItem& item) {
  const std::string id = text_of(item.members, "subagentRunId");
  if (item.type != "SUBAGENT_STARTED") {
    if (!contains(subagents_, id)) return "there is no open subagent" + quoted(id);
    std::erase(subagents_, id);
    return {};
  }
  const auto parent = text_if_any(item.members, "parentSubagentRunId");
  if (owners_.find(Bucket::subagent, id)) return "there was a subagent" + quoted(id) + " before";
  if (parent && !owners_.find(Bucket::subagent, *parent)) return "there was no subagent" + quoted(*parent);
  subagents_.push_back(id);
  owners_.set(Bucket::subagent, id, 0);
  return {};
}

// --- Chunk events -----------------------------------------------------------------------------------------

AgUiFraming::Chunk AgUiFraming::chunk_of(const FramedItem& item, const Tag& tag) {
  const json::Object& said = item.members;
  if (item.type == "TEXT_MESSAGE_CHUNK")
    return Chunk{message, text_if_any(said, "messageId"), tag, text_if_any(said, "role"),
                 text_if_any(said, "name")};
  if (item.type == "TOOL_CALL_CHUNK")
    return Chunk{call, text_if_any(said, "toolCallId"), tag, text_if_any(said, "toolCallName"),
                 text_if_any(said, "parentMessageId")};
  return Chunk{reasoning, text_if_any(said, "messageId"), tag, {}, {}};
}

// Whose it is that the chunk goes on with, or begins.
std::string AgUiFraming::find_lane(const Chunk& chunk, Tag& owner) const {
  owner = chunk.tag;
  if (chunk.id) {
    const auto holder = std::find_if(lanes_.begin(), lanes_.end(), [&](const Lane& lane) {
      return lane.kind == chunk.kind && lane.id == *chunk.id;
    });
    if (holder == lanes_.end()) return {};
    if (chunk.tag && chunk.tag != holder->owner) return "it belongs to another subagentRunId";
    owner = holder->owner;
    return {};
  }
  if (chunk.tag) return {};
  std::vector<const Lane*> fitting;
  for (const Lane& lane : lanes_) {
    if (lane.kind == chunk.kind) fitting.push_back(&lane);
    if (lane.kind == chunk.kind && !lane.owner) return {};
  }
  if (fitting.size() > 1) return "it needs its id or its subagentRunId: several are open";
  if (!fitting.empty()) owner = fitting.front()->owner;
  return {};
}

std::string AgUiFraming::apply_chunk(const FramedItem& item, const Tag& tag) {
  const Chunk chunk = chunk_of(item, tag);
  Tag owner;
  if (std::string why = find_lane(chunk, owner); !why.empty()) return why;
  const Lane* const lane = lane_of(owner);
  if (lane && lane->kind == chunk.kind && (!chunk.id || *chunk.id == lane->id)) {
    if ((chunk.name && chunk.name != lane->name) || (chunk.detail && chunk.detail != lane->detail))
      return "it says something else than its first chunk";
    return go_on(chunk.kind, lane->id, chunk.tag);
  }
  end_lane(owner);
  if (!chunk.id) return "the first chunk needs its id";
  if (chunk.kind == call && !chunk.name) return "the first chunk of a tool call needs toolCallName";
  std::string why = begin(chunk.kind, *chunk.id, chunk.tag, chunk.kind == call ? chunk.detail : std::nullopt);
  if (!why.empty()) return why;
  std::optional<std::string> name = chunk.name;
  if (chunk.kind == message && !name) name = "assistant";
  lanes_.push_back({owner, chunk.kind, *chunk.id, std::move(name), chunk.detail});
  return {};
}

// What is said beside chunks ends what they have begun.
void AgUiFraming::end_lanes(const FramedItem& item, const Tag& tag) {
  const std::string_view type = item.type;
  if (type.starts_with("RUN_") || type == "MESSAGES_SNAPSHOT") return end_all_lanes();
  const bool goes_beside = type == "RAW" || type.starts_with("ACTIVITY_") ||
                           type == "REASONING_ENCRYPTED_VALUE" || type == "SUBAGENT_STARTED";
  if (!goes_beside) end_lane(tag);
}

void AgUiFraming::end_lane(const Tag& owner) {
  const Lane* const lane = lane_of(owner);
  if (!lane) return;
  std::erase(open_[lane->kind], lane->id);
  std::erase_if(lanes_, [&](const Lane& one) { return one.owner == owner; });
}

void AgUiFraming::end_all_lanes() {
  for (const Lane& lane : lanes_) std::erase(open_[lane.kind], lane.id);
  lanes_.clear();
}

AgUiFraming::Lane* AgUiFraming::lane_of(const Tag& owner) {
  const auto found =
      std::find_if(lanes_.begin(), lanes_.end(), [&](const Lane& lane) { return lane.owner == owner; });
  return found == lanes_.end() ? nullptr : &*found;
}

bool AgUiFraming::in_lane(Kind kind, const std::string& id) const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [&](const Lane& lane) { return lane.kind == kind && lane.id == id; });
}

// --- Who has begun what -----------------------------------------------------------------------------------

AgUiFraming::Bucket AgUiFraming::bucket_of(Kind kind) {
  if (kind == message) return Bucket::message;
  return kind == call ? Bucket::call : Bucket::reasoning;
}

// --- What an agent says -----------------------------------------------------------------------------------

std::string AgUiFraming::take(const FramedItem& item, const FramedEnd* end, std::string& out) {
  if (std::string why = misfit_of_event(item.type, item.members); !why.empty()) return why;
  if (is_over_) return "nothing may follow the end";
  if (item.type == "RUN_STARTED") return {};
  if (item.type == "RUN_FINISHED" || item.type == "RUN_ERROR") {
    const bool has_failed = item.type == "RUN_ERROR";
    if (end && end->how == (has_failed ? How::failed : How::completed)) finish(item, *end, out);
    return {};
  }
  if (item.type.starts_with("TEXT_MESSAGE_") && is_own(text_of(item.members, "messageId")))
    return "ids that begin with the run's id and " + std::string(kOwnMessage) + " are the gateway's own";
  std::string why = apply(item);
  if (why.empty()) out.append(item.line);
  return why;
}

// As the agent says it, but of this run.
void AgUiFraming::finish(const FramedItem& item, const FramedEnd& end, std::string& out) {
  close_all(end.how != How::completed, out);
  is_over_ = true;
  if (item.type == "RUN_ERROR") {
    out.append(item.line);
    return;
  }
  FramedLine line(out, "RUN_FINISHED");
  line.text("threadId", thread_id_).text("runId", run_id_);
  bool has_result = false;
  for (const json::Member& member : item.members) {
    const std::string name = member.key();
    if (name == "type" || name == "threadId" || name == "runId") continue;
    has_result = has_result || name == "result";
    line.raw(name, member.value().raw());
  }
  if (!has_result && !end.result.empty() && end.result != "null") line.raw("result", end.result);
}

void AgUiFraming::say(std::string_view text, std::string& out) {
  std::vector<std::string>& messages = open_[message];
  if (said_ != FramedSaid::text || messages.empty()) {
    said_ = FramedSaid::text;
    events_ = 2;
    messages.push_back(run_id_ + kOwnMessage + std::to_string(++own_messages_));
    owners_.set(Bucket::message, messages.back(), 0);
    FramedLine(out, "TEXT_MESSAGE_START").text("messageId", messages.back()).text("role", "assistant");
  }
  FramedLine(out, "TEXT_MESSAGE_CONTENT").text("messageId", messages.back()).text("delta", text);
}

// --- Ends -------------------------------------------------------------------------------------------------

// What chunks have begun ends with the event that follows.
void AgUiFraming::close_all(bool has_failed, std::string& out) {
  constexpr std::string_view kEnds[] = {"TEXT_MESSAGE_END", "TOOL_CALL_END", "REASONING_END",
                                        "REASONING_MESSAGE_END"};
  for (const Kind kind : {message, call, reasoning, span}) {
    for (const std::string& id : open_[kind]) {
      if (!in_lane(kind, id)) FramedLine(out, kEnds[kind]).text(kIdOf[kind], id);
    }
    open_[kind].clear();
  }
  for (const auto& [owner, name] : steps_) {
    FramedLine line(out, "STEP_FINISHED");
    line.text("stepName", name);
    if (owner) line.text("subagentRunId", *owner);
  }
  for (const std::string& id : subagents_) {
    FramedLine line(out, has_failed ? "SUBAGENT_ERROR" : "SUBAGENT_FINISHED");
    line.text("subagentRunId", id);
    if (has_failed) line.text("message", "the answer ended before the subagent had");
  }
  steps_.clear();
  subagents_.clear();
  lanes_.clear();
}

void AgUiFraming::close(const FramedEnd& end, std::string& out) {
  if (is_over_) return;
  close_all(end.how != How::completed, out);
  is_over_ = true;
  if (end.how == How::failed) {
    const std::string_view why = end.message.empty() ? end.code : end.message;
    FramedLine(out, "RUN_ERROR")
        .text("message", why.empty() ? "the run has failed" : why)
        .text_if_any("code", end.code);
    return;
  }
  FramedLine line(out, "RUN_FINISHED");
  line.text("threadId", thread_id_).text("runId", run_id_);
  if (!end.result.empty() && end.result != "null") line.raw("result", end.result);
  if (end.how == How::cancelled) line.raw("outcome", "{\"type\":\"cancelled\"}");
}

bool AgUiFraming::has_open() const {
  return !steps_.empty() || !subagents_.empty() ||
         std::any_of(open_.begin(), open_.end(), [](const auto& ids) { return !ids.empty(); });
}

void AgUiFraming::begin_attempt(std::string_view opening_line, std::string& out) {
  if (said_ == FramedSaid::nothing && !has_open()) return;
  close_all(true, out);
  out.append(opening_line);
  const auto event = json::parse_object(opening_line);
  if (event) owners_.take_messages(*event);
  said_ = FramedSaid::nothing;
}

}  // namespace gw::protocol
