#include <algorithm>
#include <iterator>

#include "protocol/item_shapes.h"

namespace gw::protocol {
namespace {

using Kind = Shape::Kind;
constexpr bool kOptional = false;

constexpr Shape kText{Kind::text}, kFlag{Kind::flag}, kAny{}, kNatural{Kind::natural}, kObject{Kind::object};
constexpr Shape kMetadata{.kind = Kind::map, .element = &kObject};

constexpr std::string_view kReasons[] = {"stop",  "length",      "content-filter", "tool-calls",
                                         "error", "interrupted", "other"};
constexpr Shape kReason{.kind = Kind::word, .words = kReasons};
constexpr std::string_view kEncodings[] = {"json", "text"};
constexpr Shape kEncoding{.kind = Kind::word, .words = kEncodings};

constexpr Field kUrlSource[] = {{"id", &kText},
                                {"url", &kText},
                                {"title", &kText, kOptional},
                                {"providerMetadata", &kMetadata, kOptional}};
constexpr Field kDocumentSource[] = {{"id", &kText},
                                     {"mediaType", &kText},
                                     {"title", &kText},
                                     {"filename", &kText, kOptional},
                                     {"providerMetadata", &kMetadata, kOptional}};
constexpr Variant kSources[] = {{"url", kUrlSource}, {"document", kDocumentSource}};
constexpr Shape kSource{.kind = Kind::variant, .tag = "sourceType", .variants = kSources};
constexpr Field kCitationFields[] = {{"source", &kSource},
                                     {"startIndex", &kNatural, kOptional},
                                     {"endIndex", &kNatural, kOptional},
                                     {"citedText", &kText, kOptional}};
constexpr Shape kCitation{.kind = Kind::object, .fields = kCitationFields};
constexpr Shape kCitations{.kind = Kind::list, .element = &kCitation};
constexpr Shape kParts{.kind = Kind::list, .element = &kObject};

constexpr Field kPart[] = {{"id", &kText}, {"providerMetadata", &kMetadata, kOptional}};
constexpr Field kDelta[] = {{"id", &kText}, {"delta", &kText}, {"providerMetadata", &kMetadata, kOptional}};
constexpr Field kTextEnd[] = {
    {"id", &kText}, {"citations", &kCitations, kOptional}, {"providerMetadata", &kMetadata, kOptional}};
constexpr Field kError[] = {{"errorText", &kText}};
constexpr Field kToolStart[] = {{"toolCallId", &kText},
                                {"toolName", &kText},
                                {"inputEncoding", &kEncoding, kOptional},
                                {"providerExecuted", &kFlag, kOptional},
                                {"providerMetadata", &kMetadata, kOptional},
                                {"toolMetadata", &kObject, kOptional},
                                {"dynamic", &kFlag, kOptional},
                                {"title", &kText, kOptional}};
constexpr Field kToolDelta[] = {{"toolCallId", &kText}, {"inputTextDelta", &kText}};
constexpr Field kToolInput[] = {{"toolCallId", &kText},
                                {"toolName", &kText},
                                {"input", &kAny},
                                {"providerExecuted", &kFlag, kOptional},
                                {"providerMetadata", &kMetadata, kOptional},
                                {"toolMetadata", &kObject, kOptional},
                                {"dynamic", &kFlag, kOptional},
                                {"title", &kText, kOptional}};
constexpr Field kToolInputError[] = {{"toolCallId", &kText},
                                     {"toolName", &kText},
                                     {"input", &kAny},
                                     {"errorText", &kText},
                                     {"providerExecuted", &kFlag, kOptional},
                                     {"providerMetadata", &kMetadata, kOptional},
                                     {"toolMetadata", &kObject, kOptional},
                                     {"dynamic", &kFlag, kOptional},
                                     {"title", &kText, kOptional}};
constexpr Field kApprovalRequest[] = {{"approvalId", &kText},
                                      {"toolCallId", &kText},
                                      {"reason", &kText, kOptional},
                                      {"isAutomatic", &kFlag, kOptional},
                                      {"signature", &kText, kOptional}};
constexpr Field kApprovalResponse[] = {{"approvalId", &kText},
                                       {"approved", &kFlag},
                                       {"reason", &kText, kOptional},
                                       {"providerExecuted", &kFlag, kOptional},
                                       {"providerMetadata", &kMetadata, kOptional}};
constexpr Field kToolOutput[] = {{"toolCallId", &kText},
                                 {"output", &kAny},
                                 {"providerExecuted", &kFlag, kOptional},
                                 {"providerMetadata", &kMetadata, kOptional},
                                 {"toolMetadata", &kObject, kOptional},
                                 {"dynamic", &kFlag, kOptional},
                                 {"preliminary", &kFlag, kOptional}};
constexpr Field kToolOutputError[] = {{"toolCallId", &kText},
                                      {"errorText", &kText},
                                      {"providerExecuted", &kFlag, kOptional},
                                      {"providerMetadata", &kMetadata, kOptional},
                                      {"toolMetadata", &kObject, kOptional},
                                      {"dynamic", &kFlag, kOptional}};
constexpr Field kToolDenied[] = {{"toolCallId", &kText}};
constexpr Field kCustom[] = {{"kind", &kText}, {"providerMetadata", &kMetadata, kOptional}};
constexpr Field kSourceUrl[] = {{"sourceId", &kText},
                                {"url", &kText},
                                {"title", &kText, kOptional},
                                {"providerMetadata", &kMetadata, kOptional}};
constexpr Field kSourceDocument[] = {{"sourceId", &kText},
                                     {"mediaType", &kText},
                                     {"title", &kText},
                                     {"filename", &kText, kOptional},
                                     {"providerMetadata", &kMetadata, kOptional}};
constexpr Field kFile[] = {
    {"url", &kText}, {"mediaType", &kText}, {"providerMetadata", &kMetadata, kOptional}};
constexpr Field kSteering[] = {{"id", &kText}, {"parts", &kParts}};
constexpr Field kData[] = {{"id", &kText, kOptional}, {"data", &kAny}, {"transient", &kFlag, kOptional}};
constexpr Field kStart[] = {{"messageId", &kText, kOptional}};
constexpr Field kFinish[] = {{"finishReason", &kReason, kOptional}};
constexpr Field kAbort[] = {{"reason", &kText, kOptional}};
constexpr Field kMessageMetadata[] = {{"messageMetadata", &kAny}};

constexpr Variant kChunks[] = {
    {"start", kStart},
    {"finish", kFinish},
    {"abort", kAbort},
    {"error", kError},
    {"message-metadata", kMessageMetadata},
    {"start-step", {}},
    {"finish-step", {}},
    {"reset-step", {}},
    {"text-start", kPart},
    {"text-delta", kDelta},
    {"text-end", kTextEnd},
    {"reasoning-start", kPart},
    {"reasoning-delta", kDelta},
    {"reasoning-end", kPart},
    {"tool-input-start", kToolStart},
    {"tool-input-delta", kToolDelta},
    {"tool-input-available", kToolInput},
    {"tool-input-error", kToolInputError},
    {"tool-approval-request", kApprovalRequest},
    {"tool-approval-response", kApprovalResponse},
    {"tool-output-available", kToolOutput},
    {"tool-output-error", kToolOutputError},
    {"tool-output-denied", kToolDenied},
    {"source-url", kSourceUrl},
    {"source-document", kSourceDocument},
    {"file", kFile},
    {"reasoning-file", kFile},
    {"custom", kCustom},
    {"steering-message", kSteering},
};

}  // namespace

std::string misfit_of_chunk(std::string_view type, const json::Object& chunk) {
  if (type.starts_with("data-")) return misfit(chunk, kData);
  const auto found = std::find_if(std::begin(kChunks), std::end(kChunks),
                                  [&](const Variant& one) { return one.tag == type; });
  if (found == std::end(kChunks)) return "type must be that of a chunk of AI SDK's UI message stream";
  return misfit(chunk, found->fields);
}

}  // namespace gw::protocol
