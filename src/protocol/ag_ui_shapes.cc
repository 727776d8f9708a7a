#include <algorithm>
#include <iterator>

#include "protocol/item_shapes.h"

namespace gw::protocol {
namespace {

using Kind = Shape::Kind;
constexpr bool kOptional = false;

constexpr Shape kText{Kind::text}, kFlag{Kind::flag}, kAny{}, kNotNull{Kind::not_null}, kWhole{Kind::whole},
    kNatural{Kind::natural}, kObject{Kind::object}, kPointer{Kind::pointer};
constexpr Shape kTexts{.kind = Kind::list, .element = &kText};

constexpr std::string_view kRoles[] = {"developer", "system", "assistant", "user"};
constexpr Shape kRole{.kind = Kind::word, .words = kRoles};
constexpr std::string_view kToolRoles[] = {"tool"};
constexpr Shape kToolRole{.kind = Kind::word, .words = kToolRoles};
constexpr std::string_view kReasoningRoles[] = {"reasoning"};
constexpr Shape kReasoningRole{.kind = Kind::word, .words = kReasoningRoles};
constexpr std::string_view kSubtypes[] = {"tool-call", "message"};
constexpr Shape kSubtype{.kind = Kind::word, .words = kSubtypes};
constexpr std::string_view kFunctions[] = {"function"};
constexpr Shape kFunctionWord{.kind = Kind::word, .words = kFunctions};

// --- What is said in a message ----------------------------------------------------------------------------

constexpr Field kDataSource[] = {{"value", &kText}, {"mimeType", &kText}};
constexpr Field kUrlSource[] = {{"value", &kText}, {"mimeType", &kText, kOptional}};
constexpr Field kFileSource[] = {
    {"value", &kText}, {"provider", &kText, kOptional}, {"mimeType", &kText, kOptional}};
constexpr Variant kSources[] = {{"data", kDataSource}, {"url", kUrlSource}, {"file", kFileSource}};
constexpr Shape kSource{.kind = Kind::variant, .tag = "type", .variants = kSources};
constexpr Field kTextPart[] = {
    {"id", &kText, kOptional}, {"text", &kText}, {"metadata", &kNotNull, kOptional}};
constexpr Field kMediaPart[] = {
    {"id", &kText, kOptional}, {"source", &kSource}, {"metadata", &kNotNull, kOptional}};
constexpr Variant kParts[] = {{"text", kTextPart},
                              {"image", kMediaPart},
                              {"audio", kMediaPart},
                              {"video", kMediaPart},
                              {"document", kMediaPart}};
constexpr Shape kPart{.kind = Kind::variant, .tag = "type", .variants = kParts};
constexpr Shape kContent{.kind = Kind::text_or_list, .element = &kPart};

constexpr Field kFunctionFields[] = {{"name", &kText}, {"arguments", &kText}};
constexpr Shape kFunction{.kind = Kind::object, .fields = kFunctionFields};
constexpr Field kCallFields[] = {{"id", &kText},
                                 {"type", &kFunctionWord},
                                 {"function", &kFunction},
                                 {"encryptedValue", &kText, kOptional},
                                 {"metadata", &kObject, kOptional}};
constexpr Shape kCall{.kind = Kind::object, .fields = kCallFields};
constexpr Shape kCalls{.kind = Kind::list, .element = &kCall};

constexpr Field kSystemMessage[] = {
    {"subagentRunId", &kText, kOptional}, {"id", &kText},
    {"name", &kText, kOptional},          {"encryptedValue", &kText, kOptional},
    {"metadata", &kObject, kOptional},    {"content", &kText}};
constexpr Field kAssistantMessage[] = {
    {"subagentRunId", &kText, kOptional}, {"id", &kText},
    {"name", &kText, kOptional},          {"encryptedValue", &kText, kOptional},
    {"metadata", &kObject, kOptional},    {"content", &kText, kOptional},
    {"toolCalls", &kCalls, kOptional}};
constexpr Field kUserMessage[] = {{"subagentRunId", &kText, kOptional}, {"id", &kText},
                                  {"name", &kText, kOptional},          {"encryptedValue", &kText, kOptional},
                                  {"metadata", &kObject, kOptional},    {"content", &kContent}};
constexpr Field kToolMessage[] = {{"subagentRunId", &kText, kOptional},
                                  {"id", &kText},
                                  {"content", &kContent},
                                  {"toolCallId", &kText},
                                  {"error", &kText, kOptional},
                                  {"encryptedValue", &kText, kOptional},
                                  {"metadata", &kObject, kOptional}};
constexpr Field kActivityMessage[] = {{"subagentRunId", &kText, kOptional},
                                      {"id", &kText},
                                      {"activityType", &kText},
                                      {"content", &kObject},
                                      {"metadata", &kObject, kOptional}};
constexpr Field kReasoningMessage[] = {{"subagentRunId", &kText, kOptional},
                                       {"id", &kText},
                                       {"content", &kText},
                                       {"encryptedValue", &kText, kOptional},
                                       {"metadata", &kObject, kOptional}};
constexpr Variant kMessageKinds[] = {{"developer", kSystemMessage},    {"system", kSystemMessage},
                                     {"assistant", kAssistantMessage}, {"user", kUserMessage},
                                     {"tool", kToolMessage},           {"activity", kActivityMessage},
                                     {"reasoning", kReasoningMessage}};
constexpr Shape kMessage{.kind = Kind::variant, .tag = "role", .variants = kMessageKinds};
constexpr Shape kMessages{.kind = Kind::list, .element = &kMessage};

// --- Patches, outcomes ------------------------------------------------------------------------------------

constexpr Field kWithValue[] = {{"path", &kPointer}, {"value", &kAny}};
constexpr Field kWithPath[] = {{"path", &kPointer}};
constexpr Field kWithFrom[] = {{"from", &kPointer}, {"path", &kPointer}};
constexpr Variant kOperations[] = {{"add", kWithValue}, {"remove", kWithPath}, {"replace", kWithValue},
                                   {"move", kWithFrom}, {"copy", kWithFrom},   {"test", kWithValue}};
constexpr Shape kOperation{.kind = Kind::variant, .tag = "op", .variants = kOperations};
constexpr Shape kPatch{.kind = Kind::list, .element = &kOperation};

constexpr Field kInterruptFields[] = {{"subagentRunId", &kText, kOptional},
                                      {"id", &kText},
                                      {"reason", &kText},
                                      {"message", &kText, kOptional},
                                      {"toolCallId", &kText, kOptional},
                                      {"responseSchema", &kObject, kOptional},
                                      {"expiresAt", &kText, kOptional},
                                      {"metadata", &kObject, kOptional}};
constexpr Shape kInterrupt{.kind = Kind::object, .fields = kInterruptFields};
constexpr Shape kInterrupts{.kind = Kind::list, .element = &kInterrupt, .least = 1};
constexpr Field kSuccess[] = {{"pendingToolCallIds", &kTexts, kOptional}};
constexpr Field kInterrupted[] = {{"interrupts", &kInterrupts}};
constexpr Variant kOutcomes[] = {{"success", kSuccess}, {"interrupt", kInterrupted}};
constexpr Shape kOutcome{.kind = Kind::variant, .tag = "type", .variants = kOutcomes};
constexpr Field kSuspended[] = {{"interruptIds", &kTexts, kOptional}};
constexpr Variant kSubagentOutcomes[] = {{"suspended", kSuspended}};
constexpr Shape kSubagentOutcome{.kind = Kind::variant, .tag = "type", .variants = kSubagentOutcomes};

constexpr Field kUsageFields[] = {{"provider", &kText, kOptional},
                                  {"model", &kText, kOptional},
                                  {"inputTokens", &kNatural, kOptional},
                                  {"outputTokens", &kNatural, kOptional},
                                  {"totalTokens", &kNatural, kOptional},
                                  {"reasoningTokens", &kNatural, kOptional},
                                  {"cachedInputTokens", &kNatural, kOptional},
                                  {"cacheWriteInputTokens", &kNatural, kOptional}};
constexpr Shape kUsage{.kind = Kind::object, .fields = kUsageFields};
constexpr Shape kUsages{.kind = Kind::list, .element = &kUsage};

// --- Events -----------------------------------------------------------------------------------------------

// What every event may have.
constexpr Field kEvery[] = {{"timestamp", &kWhole, kOptional},
                            {"rawEvent", &kNotNull, kOptional},
                            {"metadata", &kObject, kOptional},
                            {"subagentRunId", &kText, kOptional}};

constexpr Field kRunFinished[] = {
    {"result", &kNotNull, kOptional}, {"outcome", &kOutcome, kOptional}, {"usage", &kUsages, kOptional}};
constexpr Field kRunError[] = {
    {"message", &kText}, {"code", &kText, kOptional}, {"usage", &kUsages, kOptional}};
constexpr Field kStep[] = {{"stepName", &kText}};
constexpr Field kTextStart[] = {
    {"messageId", &kText}, {"role", &kRole, kOptional}, {"name", &kText, kOptional}};
constexpr Field kWithMessage[] = {{"messageId", &kText}};
constexpr Field kMessageDelta[] = {{"messageId", &kText}, {"delta", &kText}};
constexpr Field kTextChunk[] = {{"messageId", &kText, kOptional},
                                {"role", &kRole, kOptional},
                                {"delta", &kText, kOptional},
                                {"name", &kText, kOptional}};
constexpr Field kCallStart[] = {
    {"toolCallId", &kText}, {"toolCallName", &kText}, {"parentMessageId", &kText, kOptional}};
constexpr Field kCallArgs[] = {{"toolCallId", &kText}, {"delta", &kText}};
constexpr Field kCallEnd[] = {{"toolCallId", &kText}};
constexpr Field kCallChunk[] = {{"toolCallId", &kText, kOptional},
                                {"toolCallName", &kText, kOptional},
                                {"parentMessageId", &kText, kOptional},
                                {"delta", &kText, kOptional}};
constexpr Field kCallResult[] = {
    {"messageId", &kText}, {"toolCallId", &kText}, {"content", &kContent}, {"role", &kToolRole, kOptional}};
constexpr Field kStateSnapshot[] = {{"snapshot", &kAny}};
constexpr Field kStateDelta[] = {{"delta", &kPatch}};
constexpr Field kMessagesSnapshot[] = {{"messages", &kMessages}};
constexpr Field kActivitySnapshot[] = {
    {"messageId", &kText}, {"activityType", &kText}, {"content", &kObject}, {"replace", &kFlag, kOptional}};
constexpr Field kActivityDelta[] = {{"messageId", &kText}, {"activityType", &kText}, {"patch", &kPatch}};
constexpr Field kReasoningStart[] = {{"messageId", &kText}, {"role", &kReasoningRole}};
constexpr Field kReasoningChunk[] = {{"messageId", &kText, kOptional}, {"delta", &kText, kOptional}};
constexpr Field kEncrypted[] = {{"subtype", &kSubtype}, {"entityId", &kText}, {"encryptedValue", &kText}};
constexpr Field kSubagentStarted[] = {{"subagentRunId", &kText},
                                      {"name", &kText},
                                      {"description", &kText, kOptional},
                                      {"parentSubagentRunId", &kText, kOptional},
                                      {"parentToolCallId", &kText, kOptional},
                                      {"parentMessageId", &kText, kOptional}};
constexpr Field kSubagentFinished[] = {
    {"subagentRunId", &kText}, {"result", &kNotNull, kOptional}, {"outcome", &kSubagentOutcome, kOptional}};
constexpr Field kSubagentError[] = {
    {"subagentRunId", &kText}, {"message", &kText}, {"code", &kText, kOptional}};
constexpr Field kRaw[] = {{"event", &kAny}, {"source", &kText, kOptional}};
constexpr Field kCustom[] = {{"name", &kText}, {"value", &kAny}};

constexpr Variant kEvents[] = {
    {"RUN_STARTED", {}},  // the gateway writes its own
    {"RUN_FINISHED", kRunFinished},
    {"RUN_ERROR", kRunError},
    {"STEP_STARTED", kStep},
    {"STEP_FINISHED", kStep},
    {"TEXT_MESSAGE_START", kTextStart},
    {"TEXT_MESSAGE_CONTENT", kMessageDelta},
    {"TEXT_MESSAGE_END", kWithMessage},
    {"TEXT_MESSAGE_CHUNK", kTextChunk},
    {"TOOL_CALL_START", kCallStart},
    {"TOOL_CALL_ARGS", kCallArgs},
    {"TOOL_CALL_END", kCallEnd},
    {"TOOL_CALL_CHUNK", kCallChunk},
    {"TOOL_CALL_RESULT", kCallResult},
    {"STATE_SNAPSHOT", kStateSnapshot},
    {"STATE_DELTA", kStateDelta},
    {"MESSAGES_SNAPSHOT", kMessagesSnapshot},
    {"ACTIVITY_SNAPSHOT", kActivitySnapshot},
    {"ACTIVITY_DELTA", kActivityDelta},
    {"REASONING_START", kWithMessage},
    {"REASONING_MESSAGE_START", kReasoningStart},
    {"REASONING_MESSAGE_CONTENT", kMessageDelta},
    {"REASONING_MESSAGE_END", kWithMessage},
    {"REASONING_MESSAGE_CHUNK", kReasoningChunk},
    {"REASONING_END", kWithMessage},
    {"REASONING_ENCRYPTED_VALUE", kEncrypted},
    {"SUBAGENT_STARTED", kSubagentStarted},
    {"SUBAGENT_FINISHED", kSubagentFinished},
    {"SUBAGENT_ERROR", kSubagentError},
    {"RAW", kRaw},
    {"CUSTOM", kCustom},
};

}  // namespace

std::string misfit_of_event(std::string_view type, const json::Object& event) {
  const auto found = std::find_if(std::begin(kEvents), std::end(kEvents),
                                  [&](const Variant& one) { return one.tag == type; });
  if (found == std::end(kEvents)) return "type must be that of an event of AG-UI 1.0";
  std::string why = misfit(event, kEvery);
  return why.empty() ? misfit(event, found->fields) : why;
}

}  // namespace gw::protocol
