#include "post_office/mcp/revision.h"

#include <gtest/gtest.h>

namespace gw::mcp {
namespace {

constexpr std::string_view kMeta =
    R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}})";

std::string params(std::string_view meta, std::string_view more = "") {
  return R"({"_meta":)" + std::string(meta) + std::string(more) + "}";
}

struct Asked {
  std::vector<HttpField> fields;
  std::string method = "tools/list";
  std::string params = "{}";
  std::string_view id = "1";
};

std::variant<Revision, VersionFault> judge(const Asked& asked) {
  http::Request request;
  request.fields = asked.fields;
  return revision_of(request, {asked.id, asked.method, asked.params});
}

Revision revision(const Asked& asked) { return std::get<Revision>(judge(asked)); }
RpcCode fault(const Asked& asked) { return std::get<VersionFault>(judge(asked)).code; }

const HttpField kNewer{"mcp-protocol-version", "2026-07-28"};
const HttpField kOlder{"MCP-Protocol-Version", "2025-11-25"};
const HttpField kList{"Mcp-Method", "tools/list"};

TEST(Revision, TheNewerOneSaysItInMetaAndInTheHeaders) {
  EXPECT_EQ(revision({{kNewer, kList}, "tools/list", params(kMeta)}), Revision::v2026_07_28);
  EXPECT_EQ(fault({{kList}, "tools/list", params(kMeta)}), RpcCode::header_mismatch);
  EXPECT_EQ(fault({{kOlder, kList}, "tools/list", params(kMeta)}), RpcCode::header_mismatch);
  EXPECT_EQ(fault({{kNewer, kNewer, kList}, "tools/list", params(kMeta)}), RpcCode::header_mismatch);
  EXPECT_EQ(fault({{kNewer}, "tools/list", params(kMeta)}), RpcCode::header_mismatch);
  EXPECT_EQ(fault({{kNewer, {"Mcp-Method", "TOOLS/LIST"}}, "tools/list", params(kMeta)}),
            RpcCode::header_mismatch);
}

TEST(Revision, WhatMetaLacksIsAnInvalidParameter) {
  EXPECT_EQ(fault({{kNewer, kList}, "tools/list", "{}"}), RpcCode::invalid_params);
  EXPECT_EQ(fault({{kNewer, kList}, "tools/list", params("7")}), RpcCode::invalid_params);
  EXPECT_EQ(fault({{kNewer, kList},
                   "tools/list",
                   params(R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28"})")}),
            RpcCode::invalid_params);
}

TEST(Revision, TheToolStandsInAHeaderPlainOrEncoded) {
  const HttpField call{"Mcp-Method", "tools/call"};
  const std::string named = params(kMeta, R"(,"name":"a-tool")");
  EXPECT_EQ(revision({{kNewer, call, {"Mcp-Name", "a-tool"}}, "tools/call", named}), Revision::v2026_07_28);
  EXPECT_EQ(revision({{kNewer, call, {"Mcp-Name", "=?base64?YS10b29s?="}}, "tools/call", named}),
            Revision::v2026_07_28);
  EXPECT_EQ(fault({{kNewer, call}, "tools/call", named}), RpcCode::header_mismatch);
  EXPECT_EQ(fault({{kNewer, call, {"Mcp-Name", "another"}}, "tools/call", named}), RpcCode::header_mismatch);
  EXPECT_EQ(fault({{kNewer, call, {"Mcp-Name", "=?base64?*?="}}, "tools/call", named}),
            RpcCode::header_mismatch);
}

TEST(Revision, TheOlderOneSaysItInTheHeaderOnceItIsAgreed) {
  EXPECT_EQ(revision({{kOlder}}), Revision::legacy);
  for (const char* version : {"2025-06-18", "2025-03-26", "2024-11-05"})
    EXPECT_EQ(revision({{{"MCP-Protocol-Version", version}}}), Revision::legacy) << version;
  EXPECT_EQ(
      revision(
          {{kOlder}, "tools/list", params(R"({"io.modelcontextprotocol/protocolVersion":"2025-11-25"})")}),
      Revision::legacy);
}

TEST(Revision, WithoutTheHeaderItIsOfATimeThatHadNone) {
  EXPECT_EQ(revision({{}}), Revision::legacy);
  EXPECT_EQ(fault({{{"MCP-Protocol-Version", ""}}}), RpcCode::unsupported_protocol_version);
}

TEST(Revision, InitializeNegotiatesWhateverItsHeaderSays) {
  EXPECT_EQ(revision({{}, "initialize"}), Revision::legacy);
  for (const char* version : {"2026-07-28", "2025-11-25", "2025-06-18", "1900-01-01", ""})
    EXPECT_EQ(revision({{{"MCP-Protocol-Version", version}}, "initialize"}), Revision::legacy) << version;
  EXPECT_EQ(fault({{kOlder, kOlder}, "initialize"}), RpcCode::header_mismatch);
  // A method that the newer one does not have.
  EXPECT_EQ(revision({{kNewer, {"Mcp-Method", "initialize"}}, "initialize", params(kMeta)}),
            Revision::v2026_07_28);
}

TEST(Revision, ALegacyBodySaysWhatItsHeaderSays) {
  const std::string meta = params(R"({"io.modelcontextprotocol/protocolVersion":"2025-06-18"})");
  EXPECT_EQ(revision({{{"MCP-Protocol-Version", "2025-06-18"}}, "tools/list", meta}), Revision::legacy);
  EXPECT_EQ(fault({{kOlder}, "tools/list", meta}), RpcCode::header_mismatch);
}

TEST(Revision, OthersAreNamedWithThoseThatAreServed) {
  const auto unknown = judge({{{"MCP-Protocol-Version", "1900-01-01"}}});
  EXPECT_EQ(std::get<VersionFault>(unknown).code, RpcCode::unsupported_protocol_version);
  EXPECT_EQ(std::get<VersionFault>(unknown).data,
            R"({"supported":)" + std::string(kRevisionsJson) + R"(,"requested":"1900-01-01"})");
  const std::string later = params(R"({"io.modelcontextprotocol/protocolVersion":"2030-01-01"})");
  EXPECT_EQ(fault({{{"MCP-Protocol-Version", "2030-01-01"}}, "tools/list", later}),
            RpcCode::unsupported_protocol_version);
  EXPECT_EQ(fault({{{"MCP-Protocol-Version", "\xff"}}}), RpcCode::header_mismatch);
}

TEST(Revision, NotificationsNeedNoHeaderButMayNotNameAnother) {
  EXPECT_EQ(revision({{}, "notifications/initialized", "{}", ""}), Revision::legacy);
  EXPECT_EQ(revision({{kNewer}, "notifications/x", "{}", ""}), Revision::v2026_07_28);
  EXPECT_EQ(fault({{{"MCP-Protocol-Version", "1"}}, "notifications/x", "{}", ""}),
            RpcCode::unsupported_protocol_version);
}

}  // namespace
}  // namespace gw::mcp
