// What an MCP client sends: the message, the headers that mirror it, and a cursor. The input's first line
// stands for the headers and the cursor, the rest is the body.
#include <cstdint>
#include <string>
#include <variant>

#include "base/assert.h"
#include "core/log_cursor.h"
#include "json/json.h"
#include "post_office/mcp/header_value.h"
#include "post_office/mcp/json_rpc.h"
#include "post_office/mcp/revision.h"

using namespace gw;

namespace {

// Whatever is answered is JSON and carries the id as it was sent.
void check_answer(std::string_view answer, std::string_view id) {
  const auto object = json::parse_object(answer);
  ASSERT(object);
  const json::Value* said = object->find("id");
  ASSERT(id.empty() ? said == nullptr : said && said->raw() == id);
}

void check_revision(const mcp::Message& message, std::string_view line) {
  const HttpField fields[] = {
      {"MCP-Protocol-Version", line}, {"Mcp-Method", message.method}, {"Mcp-Name", line}};
  http::Request request;
  for (size_t count = 0; count <= std::size(fields); ++count) {
    request.fields = HttpFields(fields, count);
    const auto revision = mcp::revision_of(request, message);
    if (const auto* fault = std::get_if<mcp::VersionFault>(&revision))
      check_answer(mcp::error_body(message.id, fault->code, fault->message, fault->data), message.id);
  }
}

void check_cursor(std::string_view line) {
  if (const auto cursor = LogCursor::parse(line)) ASSERT(LogCursor::parse(cursor->text()) == cursor);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A copy of its own, so that reading past the end is seen.
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t line_end = std::min(input.find('\n'), size);
  const std::string line = input.substr(0, line_end);
  const std::string body = input.substr(std::min(line_end + 1, size));
  check_cursor(line);
  if (const auto value = mcp::decode_header_value(line)) ASSERT(value->size() <= line.size());
  const auto decoded = mcp::decode(body);
  if (const auto* malformed = std::get_if<mcp::Malformed>(&decoded)) {
    check_answer(mcp::error_body(malformed->id, malformed->code, malformed->message), malformed->id);
    return 0;
  }
  const auto& message = std::get<mcp::Message>(decoded);
  ASSERT(json::parse_object(message.params));
  if (!message.is_notification()) check_answer(mcp::result_body(message.id, message.params), message.id);
  check_revision(message, line);
  return 0;
}
