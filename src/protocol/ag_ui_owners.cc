#include "protocol/ag_ui_owners.h"

#include <algorithm>
#include <functional>

#include "protocol/framed_run.h"

namespace gw::protocol {
namespace {

uint64_t digest_of(std::string_view text) { return std::hash<std::string_view>()(text); }

uint64_t digest_of(AgUiOwners::Bucket bucket, std::string_view id) {
  return digest_of(std::string(1, static_cast<char>(bucket)).append(id));
}

AgUiOwners::Tag tag_of(const json::Object& object) {
  const json::Value* const tag = object.find("subagentRunId");
  return tag ? json::as_string(*tag) : std::nullopt;
}

}  // namespace

// 0: the agent's own.
uint64_t AgUiOwners::owner_of(const Tag& tag) { return tag ? digest_of(*tag) | 1 : 0; }

std::optional<uint64_t> AgUiOwners::find(Bucket bucket, std::string_view id) const {
  const uint64_t what = digest_of(bucket, id);
  const auto found = std::lower_bound(all_.begin(), all_.end(), what,
                                      [](const Owned& one, uint64_t which) { return one.what < which; });
  return found == all_.end() || found->what != what ? std::nullopt : std::optional(found->owner);
}

void AgUiOwners::set(Bucket bucket, std::string_view id, uint64_t owner) {
  const uint64_t what = digest_of(bucket, id);
  const auto place = std::lower_bound(all_.begin(), all_.end(), what,
                                      [](const Owned& one, uint64_t which) { return one.what < which; });
  if (place != all_.end() && place->what == what) {
    place->owner = owner;
  } else {
    all_.insert(place, {what, owner});
  }
}

bool AgUiOwners::is_foreign(Bucket bucket, std::string_view id, const Tag& tag) const {
  const auto owner = tag ? find(bucket, id) : std::nullopt;
  return owner && *owner != owner_of(tag);
}

void AgUiOwners::take_messages(const json::Object& snapshot) {
  const json::Value* const messages = snapshot.find("messages");
  if (!messages || !messages->is_array()) return;
  for (const json::Value& message : json::elements(*messages)) {
    if (message.is_object()) take_message(json::members(message));
  }
}

void AgUiOwners::take_message(const json::Object& message) {
  const std::string role = text_of(message, "role");
  const uint64_t owner = owner_of(tag_of(message));
  set(role == "reasoning"  ? Bucket::reasoning
      : role == "activity" ? Bucket::activity
                           : Bucket::message,
      text_of(message, "id"), owner);
  const json::Value* const calls = message.find("toolCalls");
  if (!calls || !calls->is_array()) return;
  for (const json::Value& call : json::elements(*calls)) {
    if (call.is_object()) set(Bucket::call, text_of(json::members(call), "id"), owner);
  }
}

}  // namespace gw::protocol
