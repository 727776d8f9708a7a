#include "gateway/uplinks.h"

#include "ws/frame.h"

namespace gw {
namespace {

using Kind = PostVerdict::Kind;

// As a WebSocket would have brought it, so that everything that holds for messages holds for these.
std::string frames_of(const ClientPost& post) {
  std::string frames;
  frames.reserve(post.body.size() + ws::kFrameHeaderMax);
  const auto add = [&](std::string_view message) {
    ws::append_masked_frame(frames, ws::Opcode::text, message, {});
  };
  if (!post.is_list) {
    add(post.body);
    return frames;
  }
  std::string_view rest = post.body;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) add(line);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return frames;
}

}  // namespace

std::string Uplinks::open(const ConnectionId& id, const ConnectionHandle& handle) {
  const SendToken token = SendToken::make(id, instance_id_);
  uplinks_.insert_or_assign(id, Uplink{handle, sha256(token.secret), 1, {}});
  return token.text();
}

void Uplinks::close(const ConnectionId& id) {
  const auto found = uplinks_.find(id);
  if (found == uplinks_.end()) return;
  const std::vector<Done<PostVerdict>> waiting = std::move(found->second.waiting);
  uplinks_.erase(found);
  for (const auto& done : waiting) done(PostVerdict{});
}

void Uplinks::take(const ClientPost& post, Done<PostVerdict> done) {
  const auto found = uplinks_.find(post.token.connection);
  if (found == uplinks_.end()) return done(PostVerdict{});
  Uplink& uplink = found->second;
  if (!equal_constant_time(uplink.secret, sha256(post.token.secret))) return done(PostVerdict{});
  if (post.number < uplink.next) return done(PostVerdict{Kind::taken, uplink.next});
  if (post.number > uplink.next) return done(PostVerdict{Kind::out_of_order, uplink.next});
  if (uplink.waiting.size() == kWaitingMax) return done(PostVerdict{Kind::behind, uplink.next});
  if (uplink.waiting.empty()) {
    std::string frames = frames_of(post);
    const size_t bytes = frames.size();
    if (!post_(command::Post{uplink.handle, post.token.connection, std::move(frames)}, bytes))
      return done(PostVerdict{Kind::behind, uplink.next});
  }
  uplink.waiting.push_back(std::move(done));
}

void Uplinks::on_taken(const event::PostTaken& taken) {
  const auto found = uplinks_.find(taken.id);
  if (found == uplinks_.end()) return;
  Uplink& uplink = found->second;
  if (taken.kind == Kind::taken) ++uplink.next;
  const PostVerdict verdict{taken.kind, uplink.next};
  const std::vector<Done<PostVerdict>> waiting = std::exchange(uplink.waiting, {});
  for (const auto& done : waiting) done(verdict);
}

}  // namespace gw
