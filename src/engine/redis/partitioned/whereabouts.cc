#include "engine/redis/partitioned/whereabouts.h"

#include <charconv>

namespace gw::redis::partitioned {
namespace {

constexpr Duration kTickEvery = 200ms;
constexpr Duration kRenewEvery = 20min;
constexpr std::string_view kKeptSeconds = "3600";
// Of one partition in one tick: who else needs the connection is not kept waiting.
constexpr size_t kWritesMax = 500;
constexpr size_t kStaleMin = 1000;

}  // namespace

Whereabouts::Whereabouts(EventLoop& loop, const Partitions& partitions)
    : loop_(loop),
      partitions_(partitions),
      missed_(partitions.size()),
      tick_(loop.every(kTickEvery, [this] { tick(); })) {}

void Whereabouts::put(const ConnectionId& id, size_t place, std::function<void()> done) {
  const auto [it, is_new] = places_.try_emplace(id, Place{home(id), place, {}});
  const bool had_key = !is_new && it->second.home != it->second.at;
  it->second.at = place;
  if (it->second.home != place) return write(id, it->second, std::move(done));
  if (had_key) {
    const Partition& home = partitions_[place];
    partitions_[place].commands().command({"DEL", home.keys().connection_place(id.text())}, {});
  }
  done();
}

void Whereabouts::write(const ConnectionId& id, Place& place, std::function<void()> done) {
  Partition& home = partitions_[place.home];
  place.written_at = loop_.now();
  renewals_.push_back({place.written_at, id});
  const std::string key = home.keys().connection_place(id.text()), at = std::to_string(place.at);
  home.commands().command({"SET", key, at, "EX", kKeptSeconds},
                          [this, id, to = place.home, done = std::move(done)](const Result<Reply>& reply) {
                            if (!reply && places_.contains(id)) missed_[to].insert(id);
                            done();
                          });
}

void Whereabouts::forget(const ConnectionId& id) {
  const auto it = places_.find(id);
  if (it == places_.end()) return;
  const Place place = it->second;
  places_.erase(it);
  missed_[place.home].erase(id);
  if (place.home == place.at) return;
  Partition& home = partitions_[place.home];
  const std::string key = home.keys().connection_place(id.text());
  home.commands().command({"DEL", key}, [](const Result<Reply>&) {});
}

std::optional<size_t> Whereabouts::local(const ConnectionId& id) const {
  const auto it = places_.find(id);
  return it == places_.end() ? std::nullopt : std::optional(it->second.at);
}

void Whereabouts::ask(const ConnectionId& id, Done<std::optional<size_t>> done) {
  Partition& at = partitions_[home(id)];
  const std::string key = at.keys().connection_place(id.text());
  at.commands().command(
      {"GET", key}, [count = partitions_.size(), done = std::move(done)](const Result<Reply>& reply) {
        if (!reply) return done(reply.error());
        const std::string_view text = reply->is_text() ? reply->text() : std::string_view();
        size_t place = 0;
        const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), place);
        const bool is_one = problem == std::errc() && !text.empty() && place < count;
        done(is_one ? std::optional(place) : std::nullopt);
      });
}

void Whereabouts::rewrite(size_t home) {
  for (const auto& [id, place] : places_) {
    if (place.home == home && place.at != home) missed_[home].insert(id);
  }
}

// It has gone since, or was written again.
bool Whereabouts::is_stale(const Renewal& renewal) const {
  const auto it = places_.find(renewal.id);
  return it == places_.end() || it->second.written_at != renewal.written_at;
}

// Connections that come and go would each leave one for as long as those that stay. Once in as many as there
// are, so that it costs each of them little.
void Whereabouts::drop_stale() {
  if (renewals_.size() <= 2 * places_.size() + kStaleMin) return;
  std::erase_if(renewals_, [this](const Renewal& renewal) { return is_stale(renewal); });
}

void Whereabouts::tick() {
  const TimePoint oldest = loop_.now() - kRenewEvery;
  for (; !renewals_.empty() && renewals_.front().written_at < oldest; renewals_.pop_front()) {
    const Renewal& due = renewals_.front();
    if (!is_stale(due)) missed_[places_.at(due.id).home].insert(due.id);
  }
  drop_stale();
  for (size_t home = 0; home < missed_.size(); ++home) {
    auto& missed = missed_[home];
    for (size_t i = 0; i < kWritesMax && !missed.empty() && !partitions_[home].commands().is_full(); ++i) {
      const ConnectionId id = *missed.begin();
      missed.erase(missed.begin());
      const auto it = places_.find(id);
      if (it != places_.end() && it->second.at != home) write(id, it->second, [] {});
    }
  }
}

}  // namespace gw::redis::partitioned
