#include "net/http/router.h"

#include <algorithm>

#include "base/assert.h"

namespace gw::http {
namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  ASSERT(path.starts_with('/'));
  path.remove_prefix(1);
  while (true) {
    const size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

constexpr std::ptrdiff_t kSegmentsMax = 16;  // more than any route has

bool is_parameter(std::string_view segment) { return segment.starts_with('{'); }

// "Allow" lists HEAD wherever GET is, since the server answers it.
std::string allowed_methods(const std::vector<std::pair<std::string_view, Router::Handler>>& handlers) {
  std::string allow;
  for (const auto& [method, handler] : handlers) {
    if (!allow.empty()) allow += ", ";
    allow += method;
    if (method == "GET") allow += ", HEAD";
  }
  return allow;
}

}  // namespace

void Router::add(std::string_view method, std::string_view pattern, Handler handler) {
  auto path =
      std::find_if(paths_.begin(), paths_.end(), [&](const Path& known) { return known.pattern == pattern; });
  if (path == paths_.end()) {
    path = paths_.insert(paths_.end(), Path{pattern, split(pattern), {}});
    if (pattern.find('{') == std::string_view::npos) literal_paths_.emplace(pattern, paths_.size() - 1);
  }
  for (const auto& [known, unused] : path->handlers) ASSERT(known != method);
  path->handlers.emplace_back(method, std::move(handler));
  routes_.push_back({method, pattern});
}

void Router::handle(Request& request, Responder responder) const {
  const Path* path = find(request.path, request.parameters);
  if (!path) return responder.send(Response::error(404, "not_found", "no such path"));
  const std::string_view method = request.method == "HEAD" ? "GET" : request.method;
  for (const auto& [known, handler] : path->handlers) {
    if (known == method) return handler(request, std::move(responder));
  }
  responder.send(Response::error(405, "method_not_allowed", "the method is not allowed here")
                     .header("Allow", allowed_methods(path->handlers)));
}

const Router::Path* Router::find(std::string_view path, std::vector<PathParameter>& parameters) const {
  if (const auto literal = literal_paths_.find(path); literal != literal_paths_.end())
    return &paths_[literal->second];
  if (std::count(path.begin(), path.end(), '/') > kSegmentsMax) return nullptr;
  const std::vector<std::string_view> segments = split(path);
  for (const Path& candidate : paths_) {
    if (candidate.segments.size() != segments.size()) continue;
    const bool matches = std::equal(segments.begin(), segments.end(), candidate.segments.begin(),
                                    [](std::string_view segment, std::string_view pattern) {
                                      return is_parameter(pattern) ? !segment.empty() : segment == pattern;
                                    });
    if (!matches) continue;
    for (size_t i = 0; i < segments.size(); ++i) {
      const std::string_view pattern = candidate.segments[i];
      if (is_parameter(pattern)) parameters.push_back({pattern.substr(1, pattern.size() - 2), segments[i]});
    }
    return &candidate;
  }
  return nullptr;
}

}  // namespace gw::http
