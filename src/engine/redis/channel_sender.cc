#include "engine/redis/channel_sender.h"

#include <algorithm>

#include "base/assert.h"
#include "base/digest.h"
#include "base/hex.h"
#include "base/log.h"

namespace gw::redis {
namespace {

// Nobody tells when an agent appears on a Redis channel: the front of the queue finds out.
constexpr Duration kRetryEvery = 250ms;
// A circuit that is half open, and has no messages to try it with, closes when probes have come so long.
constexpr Duration kProvenAfter = 2s;
// What scripts::submit answers instead of receivers.
constexpr int64_t kDuplicate = -1;
constexpr int64_t kInboxFull = -2;
constexpr size_t kParkBatch = 100;

}  // namespace

ChannelSender::ChannelSender(std::string_view channel, Client& commands, ReplicaWait& replicas,
                             const Keys& keys, const SenderOptions& options)
    : commands_(commands),
      replicas_(replicas),
      keys_(keys),
      options_(options),
      channel_(channel),
      agents_(keys.agents(channel)),
      tenants_agents_(keys.agents(channel, "")),
      inbox_(options.inbox ? keys.inbox(channel) : ""),
      inbox_state_(keys.inbox_state(channel)),
      inbox_notices_(keys.inbox_notices(channel)),
      dedupe_seconds_(std::to_string(options.dedupe_age.count())),
      inbox_size_(std::to_string(options.inbox_size)),
      breaker_(options.breaker) {}

void ChannelSender::submit(AgentMessage message, Done<Submitted> done) {
  if (closed_) return done(Error{Errc::unavailable, "this instance is stopping"});
  const TimePoint now = steady_now();
  Lane& lane = lanes_[message.tenant_id];
  lane.entries.push_back({std::move(message), std::move(done), now});
  ++lane.waiting;
  const uint64_t sequence = lane.first + lane.entries.size() - 1;
  const bool first_to_wait = lane.waiting == 1 && (!lane.front_alone || lane.in_flight == 0);
  if (first_to_wait) {
    if (!commands_.is_full() && breaker_.allow(now)) return send(lane, sequence);
    lane.front_alone = true;
  }
  keep(lane, lane.entries.back());
  pump(lane, now);
}

// Empty: Redis need not remember this one.
std::string ChannelSender::dedupe_name(const AgentMessage& message) const {
  if (!message.dedupe_key || !message.dedupe_everywhere) return {};
  return keys_.message_id(to_hex(sha256(*message.dedupe_key)));
}

// Redis has just noted its id, and now it is refused: it may come again.
void ChannelSender::forget(const AgentMessage& message) {
  const std::string key = dedupe_name(message);
  if (!key.empty()) commands_.command({"DEL", key}, {});
}

void ChannelSender::send(Lane& lane, uint64_t sequence) {
  Entry& entry = lane.entries[sequence - lane.first];
  entry.state = State::in_flight;
  --lane.waiting;
  ++lane.in_flight;
  OnReply on_answer = replicas_.hold(
      [this, &lane, sequence](const ReplicaWait::Answer& answer) { on_reply(lane, sequence, answer); });
  const AgentMessage& message = entry.message;
  const std::string dedupe_key = dedupe_name(message);
  hand_over({message.message_id, message.envelope, message.tenant_id, dedupe_key, true},
            std::move(on_answer));
}

void ChannelSender::announce(const Publication& publication) {
  hand_over({publication.message_id, publication.envelope, publication.tenant_id, "", false}, {});
}

// A plain PUBLISH where that is all there is to do.
void ChannelSender::hand_over(const HandOver& what, OnReply done) {
  if (what.dedupe_key.empty() && what.tenant.empty() && inbox_.empty()) {
    return commands_.command({"PUBLISH", agents_, what.envelope}, std::move(done));
  }
  run_script(commands_, scripts::submit,
             {keys_.prefix(), channel_, what.message_id, what.envelope, what.dedupe_key, dedupe_seconds_,
              agents_, tenants_agents_, what.tenant, inbox_, inbox_state_, inbox_notices_, inbox_size_,
              what.waits ? "1" : "0"},
             std::move(done));
}

void ChannelSender::on_reply(Lane& lane, uint64_t sequence, const ReplicaWait::Answer& answer) {
  const TimePoint now = steady_now();
  Entry& entry = lane.entries[sequence - lane.first];
  ASSERT(entry.state == State::in_flight);
  --lane.in_flight;
  entry.state = State::waiting;
  ++lane.waiting;
  if (!answer) {
    breaker_.on_failure(now);
    engine_failed_ = is_of_the_server(answer.error());
    lane.front_alone = true;
    keep(lane, entry);
  } else {
    breaker_.on_success();
    const int64_t receivers = *answer;
    lane.front_alone = receivers == 0 || receivers == kInboxFull;
    if (lane.front_alone) lane.retry_at = now + kRetryEvery;
    if (receivers == kDuplicate) {
      finish(lane, entry, Submitted::duplicate);
    } else if (receivers > 0) {
      finish(lane, entry, Submitted::published);
    } else if (receivers == kInboxFull && !entry.queued) {
      finish(lane, entry, Error{Errc::resource_exhausted, "the channel's inbox is full"});
    } else {
      if (receivers == 0 && !entry.queued && !has_room(entry)) forget(entry.message);
      keep(lane, entry);
    }
  }
  while (!lane.entries.empty() && lane.entries.front().state == State::done) {
    lane.entries.pop_front();
    ++lane.first;
  }
  if (lane.waiting > 0) pump(lane, now);
  park_when_quiet();
}

bool ChannelSender::has_room(const Entry& entry) const {
  return waiting_ < options_.queue_size &&
         waiting_bytes_ + entry.message.envelope.size() <= options_.queue_bytes;
}

// It waits and whoever sent it is told so, unless there is no room.
void ChannelSender::keep(Lane& lane, Entry& entry) {
  if (entry.queued) return;
  if (!has_room(entry)) {
    finish(lane, entry, Error{Errc::resource_exhausted, "the channel's queue is full"});
    // Refused before anything was sent: it is the last, and nothing refers to it.
    if (&entry == &lane.entries.back()) lane.entries.pop_back();
    return;
  }
  entry.queued = true;
  ++waiting_;
  waiting_bytes_ += entry.message.envelope.size();
  std::exchange(entry.done, nullptr)(Submitted::queued);
}

void ChannelSender::finish(Lane& lane, Entry& entry, Result<Submitted> outcome) {
  if (entry.queued) {
    --waiting_;
    waiting_bytes_ -= entry.message.envelope.size();
  }
  --lane.waiting;
  entry.state = State::done;
  entry.queued = false;
  entry.message = {};
  if (const auto done = std::exchange(entry.done, nullptr)) done(std::move(outcome));
}

// Sends what waits, oldest first. Where nobody may be listening only the front goes, alone: of several on
// their way the first could find nobody and the later ones an agent that has just come, and the order is
// lost.
void ChannelSender::pump(Lane& lane, TimePoint now) {
  if (closed_ || (lane.front_alone && (lane.in_flight > 0 || now < lane.retry_at))) return;
  for (uint64_t sequence = lane.first; sequence < lane.first + lane.entries.size() && lane.waiting > 0;
       ++sequence) {
    if (lane.entries[sequence - lane.first].state != State::waiting) continue;
    if (commands_.is_full() || !breaker_.allow(now)) return;
    send(lane, sequence);
    if (lane.front_alone) return;
  }
}

void ChannelSender::expire(Lane& lane, TimePoint now) {
  size_t expired = 0;
  while (!lane.entries.empty()) {
    Entry& front = lane.entries.front();
    if (front.state != State::waiting || now - front.since < options_.queue_age) break;
    finish(lane, front, Error{Errc::timeout, "no agent came"});
    lane.entries.pop_front();
    ++lane.first;
    ++expired;
  }
  if (expired > 0) log::warn("queued_messages_expired", {{"channel", channel_}, {"count", expired}});
}

void ChannelSender::tick(TimePoint now) {
  for (auto it = lanes_.begin(); it != lanes_.end();) {
    Lane& lane = it->second;
    expire(lane, now);
    if (lane.waiting > 0) pump(lane, now);
    it = lane.entries.empty() ? lanes_.erase(it) : std::next(it);
  }
}

// Half open first, so that a message is tried; without any the probes close it.
void ChannelSender::on_engine_works(TimePoint now) {
  if (!engine_failed_) return;
  if (breaker_.state() == CircuitBreaker::State::open) {
    breaker_.try_again();
    works_since_ = now;
  } else if (now - works_since_ >= kProvenAfter) {
    breaker_.close();
  }
  engine_failed_ = breaker_.state() != CircuitBreaker::State::closed;
  for (auto& [tenant, lane] : lanes_) lane.retry_at = {};
  tick(now);
}

void ChannelSender::fill(ChannelStats& stats, std::string_view tenant) const {
  stats.queue_size = waiting_;
  stats.queue_bytes = waiting_bytes_;
  if (!tenant.empty()) {
    stats.queue_size = stats.queue_bytes = 0;
    const auto lane = lanes_.find(tenant);
    if (lane != lanes_.end()) {
      for (const Entry& entry : lane->second.entries) {
        if (!entry.queued || entry.state == State::done) continue;
        ++stats.queue_size;
        stats.queue_bytes += entry.message.envelope.size();
      }
    }
  }
  stats.queue_max = options_.queue_size;
  stats.circuit_state = to_string(breaker_.state());
  stats.failure_count = breaker_.failures();
}

void ChannelSender::park(Done<size_t> done) {
  closed_ = true;
  parking_ = std::move(done);
  park_when_quiet();
}

// What is in flight may yet find nobody: then it waits like the others and is parked with them.
void ChannelSender::park_when_quiet() {
  if (!parking_) return;
  const bool busy =
      std::any_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane.second.in_flight > 0; });
  if (busy) return;
  const Done<size_t> done = std::exchange(parking_, nullptr);
  const TimePoint now = steady_now();
  std::vector<std::string> parked;
  for (auto& [tenant, lane] : lanes_) {
    for (Entry& entry : lane.entries) {
      if (!entry.queued) continue;
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(options_.queue_age - (now - entry.since));
      const WallTime due = wall_now() + left;
      parked.push_back(tenant + "\n" + std::to_string(due.time_since_epoch().count()) + "\n" +
                       entry.message.envelope);
    }
  }
  if (parked.empty()) return done(waiting_);
  const std::string list = keys_.parked(channel_);
  auto open = std::make_shared<size_t>((parked.size() + kParkBatch - 1) / kParkBatch);
  auto lost = std::make_shared<size_t>(waiting_ - parked.size());
  const std::string index = keys_.parked();
  commands_.command({"SADD", index, channel_}, {});
  for (size_t first = 0; first < parked.size(); first += kParkBatch) {
    std::vector<std::string_view> words{"RPUSH", list};
    for (size_t i = first; i < std::min(first + kParkBatch, parked.size()); ++i) words.push_back(parked[i]);
    commands_.command(words, [open, lost, done, count = words.size() - 2](const Result<Reply>& reply) {
      if (!reply) *lost += count;
      if (--*open == 0) done(*lost);
    });
  }
}

}  // namespace gw::redis
