#include "post_office/http_api/chunk_outlet.h"

namespace gw::http_api {

void ChunkOutlet::add_head(http::Response& head, const Run& run) const {
  add_(head, run);
  head.header("Run-Status", to_string(run.record.status));
}

void ChunkOutlet::add_bytes(const RunCursor& from, const RunCursor& after, const RunRecord&,
                            std::string_view bytes, bool) {
  RunCursor at{after.epoch, from.pos, from.hash};
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view line = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
    at.pos += line.size();
    at.hash = at.hash.then(line);
    out_.append("id: ").append(at.sortable()).append("\ndata: ").append(line);
    if (!line.ends_with('\n')) out_ += '\n';
    out_ += '\n';
    bytes.remove_prefix(line.size());
  }
}

}  // namespace gw::http_api
