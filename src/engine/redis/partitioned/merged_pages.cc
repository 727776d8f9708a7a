#include "engine/redis/partitioned/merged_pages.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <tuple>

namespace gw::redis::partitioned {
namespace {

// Newest first.
bool comes_before(const SessionPlace& a, const SessionPlace& b) {
  return a.place != b.place ? a.place > b.place : a.partition < b.partition;
}

template <class Number>
bool take_number(std::string_view& text, Number& number) {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

}  // namespace

Result<ConnectionPage> merged(std::vector<Result<ConnectionPage>>& pages, size_t limit) {
  ConnectionPage all;
  for (auto& page : pages) {
    if (!page) return page.error();
    // The least of those that have more: from there on something may be missing.
    if (!page->after.empty() && (all.after.empty() || page->after < all.after)) all.after = page->after;
    std::move(page->records.begin(), page->records.end(), std::back_inserter(all.records));
  }
  const auto by_id = [](const ConnectionRecord& a, const ConnectionRecord& b) {
    return a.id.bytes < b.id.bytes;
  };
  std::stable_sort(all.records.begin(), all.records.end(), by_id);
  // One that is just becoming a user's may be in both.
  const auto twice = std::unique(all.records.begin(), all.records.end(),
                                 [](const auto& a, const auto& b) { return a.id == b.id; });
  all.records.erase(twice, all.records.end());
  if (!all.after.empty())
    std::erase_if(all.records, [&](const ConnectionRecord& record) { return record.id.text() > all.after; });
  if (all.records.size() > limit) {
    all.records.resize(limit);
    all.after = all.records.back().id.text();
  }
  return all;
}

std::string SessionPlace::text() const { return std::to_string(place) + "." + std::to_string(partition); }

std::optional<SessionPlace> SessionPlace::parse(std::string_view text) {
  SessionPlace at;
  if (!take_number(text, at.place) || !text.starts_with('.')) return std::nullopt;
  text.remove_prefix(1);
  if (!take_number(text, at.partition) || !text.empty()) return std::nullopt;
  return at;
}

std::string SessionPlace::after_in(size_t of) const {
  return std::to_string(of > partition ? place + 1 : place);
}

Result<SessionPage> merged(std::vector<Result<PlacedSessions>>& pages, size_t limit) {
  std::vector<std::pair<SessionPlace, SessionPtr>> all;
  std::optional<SessionPlace> shown;  // up to here by every partition
  for (size_t i = 0; i < pages.size(); ++i) {
    if (!pages[i]) return pages[i].error();
    for (auto& [place, session] : pages[i]->sessions) all.push_back({{place, i}, std::move(session)});
    if (!pages[i]->after) continue;
    const SessionPlace last{*pages[i]->after, i};
    if (!shown || comes_before(last, *shown)) shown = last;
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return comes_before(a.first, b.first); });
  if (shown) std::erase_if(all, [&](const auto& one) { return comes_before(*shown, one.first); });
  if (all.size() > limit) {
    all.resize(limit);
    shown = all.back().first;
  }
  SessionPage page;
  for (auto& [place, session] : all) page.sessions.push_back(std::move(session));
  if (shown) page.after = shown->text();
  return page;
}

}  // namespace gw::redis::partitioned
