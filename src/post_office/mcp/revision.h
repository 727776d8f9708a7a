// The two revisions of the protocol that are served, and which of them a message speaks.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "net/http/message.h"
#include "post_office/mcp/json_rpc.h"

namespace gw::mcp {

enum class Revision {
  v2025_11_25,  // begins with initialize; nothing is kept from it here
  v2026_07_28,  // stateless: every request says in _meta what it speaks
};

inline constexpr std::string_view kRevision2025 = "2025-11-25";
inline constexpr std::string_view kRevision2026 = "2026-07-28";
// As a JSON list, the preferred one first.
inline constexpr std::string_view kRevisionsJson = R"(["2026-07-28","2025-11-25"])";

// Answered with 400.
struct VersionFault {
  RpcCode code = RpcCode::header_mismatch;
  std::string message;
  std::string data = {};  // JSON, or empty
};

// A message with the newer one's _meta, or with its version in the header, is held to the newer one: version,
// method and tool have to stand in the headers as they do in the body. Of notifications only a version that
// is not served is refused.
std::variant<Revision, VersionFault> revision_of(const http::Request& request, const Message& message);

}  // namespace gw::mcp
