#include "post_office/mcp/revision.h"

#include <algorithm>
#include <optional>

#include "json/json.h"
#include "net/http/head.h"
#include "post_office/mcp/header_value.h"

namespace gw::mcp {
namespace {

constexpr std::string_view kVersionHeader = "MCP-Protocol-Version";
constexpr std::string_view kVersionKey = "io.modelcontextprotocol/protocolVersion";
constexpr std::string_view kCapabilitiesKey = "io.modelcontextprotocol/clientCapabilities";

constexpr std::string_view kLegacyRevisions[] = {kRevision2025, "2025-06-18", "2025-03-26", "2024-11-05"};

VersionFault unsupported(std::string_view requested) {
  std::string data;
  json::Writer(data)
      .begin_object()
      .key("supported")
      .raw(kRevisionsJson)
      .member("requested", requested)
      .end_object();
  return {RpcCode::unsupported_protocol_version, "Unsupported protocol version", std::move(data)};
}

VersionFault mismatch(std::string_view header, const char* why) {
  return {RpcCode::header_mismatch, "Header mismatch: " + std::string(header) + " " + why};
}

VersionFault missing_meta(std::string_view key, const char* what) {
  return {RpcCode::invalid_params, "Invalid params: _meta has to hold " + std::string(key) + ", " + what};
}

// The header has to be there once and say what the body says.
std::optional<VersionFault> check_header(const http::Request& request, std::string_view name,
                                         std::string_view expected, bool may_be_encoded) {
  const size_t count = http::count_fields(request.fields, name);
  if (count == 0) return mismatch(name, "is missing");
  if (count > 1) return mismatch(name, "is there more than once");
  const std::string_view value = trim_blanks(*request.field(name));
  const std::optional<std::string> said =
      may_be_encoded ? decode_header_value(value) : std::optional<std::string>(value);
  if (!said) return mismatch(name, "holds characters that are not allowed");
  if (*said != expected) return mismatch(name, "does not match the body");
  return std::nullopt;
}

std::optional<std::string> text_member(const json::Object& object, std::string_view name) {
  const json::Value* value = object.find(name);
  return value ? json::as_string(*value) : std::nullopt;
}

// What the newer revision demands of a request, in the order in which its servers say so.
std::optional<VersionFault> check_request(const http::Request& request, const Message& message,
                                          const json::Object& params, const json::Object& meta) {
  const json::Value* version = meta.find(kVersionKey);
  if (!version || !version->is_string()) return missing_meta(kVersionKey, "a string");
  if (auto fault = check_header(request, kVersionHeader, *json::as_string(*version), false)) return fault;
  if (json::as_string(*version) != kRevision2026) return unsupported(*json::as_string(*version));
  const json::Value* capabilities = meta.find(kCapabilitiesKey);
  if (!capabilities || !capabilities->is_object()) return missing_meta(kCapabilitiesKey, "an object");
  if (auto fault = check_header(request, "Mcp-Method", message.method, false)) return fault;
  if (message.method != "tools/call") return std::nullopt;
  const std::optional<std::string> name = text_member(params, "name");
  if (!name) return std::nullopt;  // whose call it is says so
  return check_header(request, "Mcp-Name", *name, true);
}

}  // namespace

bool is_legacy(std::string_view version) {
  return std::find(std::begin(kLegacyRevisions), std::end(kLegacyRevisions), version) !=
         std::end(kLegacyRevisions);
}

std::variant<Revision, VersionFault> revision_of(const http::Request& request, const Message& message) {
  const size_t headers = http::count_fields(request.fields, kVersionHeader);
  const std::string header(trim_blanks(request.field(kVersionHeader).value_or("")));
  if (headers > 1) return mismatch(kVersionHeader, "is there more than once");
  if (!header.empty() && decode_header_value(header) != header)
    return mismatch(kVersionHeader, "holds characters that are not allowed");

  const json::Object params = *json::parse_object(message.params, json::Utf8::trusted);
  const json::Value* meta_value = params.find("_meta");
  const json::Object meta =
      meta_value && meta_value->is_object() ? json::members(*meta_value) : json::Object();
  const bool says_version = meta.find(kVersionKey) != nullptr;
  if (message.method == "initialize" && !says_version) return Revision::legacy;
  if (!message.is_notification() && (header == kRevision2026 || (says_version && !is_legacy(header)))) {
    if (auto fault = check_request(request, message, params, meta)) return std::move(*fault);
    return Revision::v2026_07_28;
  }
  if (headers == 1 && header != kRevision2026 && !is_legacy(header)) return unsupported(header);
  if (message.is_notification()) return header == kRevision2026 ? Revision::v2026_07_28 : Revision::legacy;
  if (says_version && text_member(meta, kVersionKey) != header)
    return mismatch(kVersionHeader, "does not match the body");
  return Revision::legacy;
}

}  // namespace gw::mcp
