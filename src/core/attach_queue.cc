#include "core/attach_queue.h"

#include <algorithm>

namespace gw {

void AttachQueue::add(uint32_t slot, AttachRequest request) {
  clients_[slot].push_back({++last_number_, std::move(request), false, false});
}

uint64_t AttachQueue::reserve(uint32_t slot, std::string_view run_id) {
  AttachRequest request;
  request.run_id = run_id;
  clients_[slot].push_back({++last_number_, std::move(request), true, true});
  return last_number_;
}

size_t AttachQueue::count(uint32_t slot) const {
  const auto found = clients_.find(slot);
  return found == clients_.end() ? 0 : found->second.size();
}

bool AttachQueue::has(uint32_t slot, std::string_view run_id) const {
  const auto found = clients_.find(slot);
  return found != clients_.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [&](const Entry& entry) { return entry.request.run_id == run_id; });
}

std::optional<AttachQueue::Answered> AttachQueue::answered(uint32_t slot, uint64_t number) {
  const auto found = clients_.find(slot);
  if (found == clients_.end()) return std::nullopt;
  const auto entry = find(found->second, number);
  if (entry == found->second.end()) return std::nullopt;
  Answered answered{std::move(entry->request), std::move(entry->detaches)};
  found->second.erase(entry);
  if (found->second.empty()) clients_.erase(found);
  return answered;
}

bool AttachQueue::defer(uint32_t slot, uint64_t number) {
  const auto found = clients_.find(slot);
  if (found == clients_.end()) return false;
  const auto entry = find(found->second, number);
  if (entry == found->second.end() || entry->reserved) return false;
  entry->sent = false;
  return true;
}

bool AttachQueue::detach_later(uint32_t slot, std::string_view run_id, std::string_view id) {
  const auto found = clients_.find(slot);
  if (found == clients_.end()) return false;
  // Behind the last of them: those before have been said before it.
  const auto last = std::find_if(found->second.rbegin(), found->second.rend(),
                                 [&](const Entry& entry) { return entry.request.run_id == run_id; });
  if (last == found->second.rend()) return false;
  // Whoever says it again and again without reading the answers hears of the latest.
  if (last->detaches.size() >= kDetachesMax) last->detaches.erase(last->detaches.begin());
  last->detaches.emplace_back(id);
  return true;
}

AttachQueue::Entries::iterator AttachQueue::find(Entries& entries, uint64_t number) {
  return std::find_if(entries.begin(), entries.end(),
                      [&](const Entry& entry) { return entry.number == number; });
}

}  // namespace gw
