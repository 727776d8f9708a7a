// The revisions of the protocol that are served, and which of them a message speaks.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "net/http/message.h"
#include "post_office/mcp/json_rpc.h"

namespace gw::mcp {

enum class Revision {
  legacy,       // 2025-11-25 and before: begins with initialize, from which nothing is kept here
  v2026_07_28,  // stateless: every request says in _meta what it speaks
};

inline constexpr std::string_view kRevision2025 = "2025-11-25";
inline constexpr std::string_view kRevision2026 = "2026-07-28";
// As a JSON list, the preferred one first.
inline constexpr std::string_view kRevisionsJson =
    R"(["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"])";

// Those that begin with initialize. In what is served here, tools, they differ by members alone that an older
// client passes over (title, outputSchema, structuredContent), so each client is answered in its own.
bool is_legacy(std::string_view version);

// Answered with 400.
struct VersionFault {
  RpcCode code = RpcCode::header_mismatch;
  std::string message;
  std::string data = {};  // JSON, or empty
};

// A message with the newer one's _meta, or with its version in the header, is held to the newer one: version,
// method and tool have to stand in the headers as they do in the body. `initialize` of the older ones
// negotiates: whatever version its header names. A request without the header is taken for one of 2025-03-26,
// which knew none. Of notifications only a version that is not served is refused.
std::variant<Revision, VersionFault> revision_of(const http::Request& request, const Message& message);

}  // namespace gw::mcp
