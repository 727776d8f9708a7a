#include "engine/redis/channel_sender.h"

#include <algorithm>

#include "base/digest.h"
#include "base/hex.h"
#include "engine/log_events.h"

namespace gw::redis {
namespace {

// What scripts::submit answers instead of receivers.
constexpr int64_t kDuplicate = -1;
constexpr int64_t kInboxFull = -2;
constexpr size_t kParkBatch = 100;
constexpr size_t kParkWords = 3;  // what scripts::park takes of each message

// As it stands in the list of what is parked: tenant, end of life, envelope.
std::string parked_entry(const AgentMessage& message, WallTime due) {
  return message.tenant_id + "\n" + std::to_string(due.time_since_epoch().count()) + "\n" + message.envelope;
}

// A refusal for want of room, of what may have been taken.
Error is_unknown_whether_taken() {
  return {Errc::timeout, "Redis has not said whether it has the message, and the queue is full"};
}

}  // namespace

ChannelSender::ChannelSender(std::string_view channel, EventLoop& loop, Client& commands,
                             ReplicaWait& replicas, const Keys& keys, const SenderOptions& options)
    : loop_(loop),
      commands_(commands),
      replicas_(replicas),
      keys_(keys),
      channel_(channel),
      agents_(keys.agents(channel)),
      inbox_(options.inbox ? keys.inbox(channel) : ""),
      dedupe_seconds_(std::to_string(options.dedupe_age.count())),
      inbox_size_(std::to_string(options.inbox_size)),
      queue_(options.queue) {}

void ChannelSender::submit(AgentMessage submitted, Done<Submitted> done) {
  if (closed_) return done(Error{Errc::unavailable, "this instance is stopping"});
  const TimePoint now = loop_.now();
  auto message = std::make_shared<const AgentMessage>(std::move(submitted));
  const auto id = commands_.is_full() ? std::nullopt : queue_.begin(message, now);
  if (id) return send(*id, std::move(message), std::move(done));
  if (!queue_.push(std::move(message), now)) return done(ChannelQueue::full());
  done(Submitted::queued);
  pump(now);
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

void ChannelSender::send(ChannelQueue::Id id, AgentMessagePtr message, Done<Submitted> done) {
  const AgentMessage& sent = *message;
  // What is lost on the way may have arrived; what was never sent has not.
  OnReply on_reply = replicas_.hold([this, id, message = std::move(message), was_sent = commands_.is_up(),
                                     done = std::move(done)](const ReplicaWait::Answer& answer) {
    on_answer(id, *message, was_sent, done, answer);
  });
  const std::string dedupe_key = dedupe_name(sent);
  hand_over({sent.message_id, sent.envelope, sent.tenant_id, dedupe_key, true, queue_.turn(id)},
            std::move(on_reply));
}

void ChannelSender::announce(const Publication& publication) {
  hand_over({publication.message_id, publication.envelope, publication.tenant_id, "", false}, {});
}

// A plain PUBLISH where that is all there is to do.
void ChannelSender::hand_over(const HandOver& what, OnReply done) {
  if (what.dedupe_key.empty() && what.tenant.empty() && inbox_.empty()) {
    return commands_.publish(agents_, what.envelope, std::move(done));
  }
  if (inbox_.empty()) {
    return run_script(commands_, scripts::submit_by_pubsub,
                      {{"pubsub_prefix", keys_.pubsub_prefix()},
                       {"channel", channel_},
                       {"id", what.message_id},
                       {"envelope", what.envelope},
                       {"tenant", what.tenant},
                       {"seen", what.dedupe_key},
                       {"seen_seconds", dedupe_seconds_}},
                      std::move(done));
  }
  const bool is_free = what.turn == ChannelQueue::Turn::free;
  const std::string refused = is_free ? "" : keys_.inbox_refused(channel_, what.tenant);
  run_script(commands_, scripts::submit,
             {{"inbox", inbox_},
              {"prefix", keys_.prefix()},
              {"pubsub_prefix", keys_.pubsub_prefix()},
              {"channel", channel_},
              {"id", what.message_id},
              {"envelope", what.envelope},
              {"tenant", what.tenant},
              {"seen", what.dedupe_key},
              {"seen_seconds", dedupe_seconds_},
              {"most", inbox_size_},
              {"waits", what.waits ? "1" : "0"},
              {"refused", refused},
              {"first", what.turn == ChannelQueue::Turn::first ? "1" : "0"}},
             std::move(done));
}

void ChannelSender::on_answer(ChannelQueue::Id id, const AgentMessage& message, bool was_sent,
                              const Done<Submitted>& done, const ReplicaWait::Answer& answer) {
  const bool taken = answer && (*answer > 0 || *answer == kDuplicate);
  if (taken) {
    queue_.on_taken(id);
    if (done && *answer == kDuplicate) {
      answer_duplicate(message, done);
    } else if (done) {
      done(Submitted::published);
    }
  } else {
    on_not_taken(id, message, was_sent, done, answer);
  }
  pump(loop_.now());
  park_when_quiet();
}

// The key of its id begins with the message_id of the first (kSeen in inbox_scripts.cc).
void ChannelSender::answer_duplicate(const AgentMessage& message, const Done<Submitted>& done) {
  commands_.command({"GET", dedupe_name(message)}, [done](const Result<Reply>& reply) {
    const bool known = reply && reply->is_text();
    done(known ? Submitted::duplicate_of(std::string(reply->text().substr(0, reply->text().find(' '))))
               : Submitted(Submitted::duplicate));
  });
}

// It waits and whoever sent it is told so, unless there is no room.
void ChannelSender::on_not_taken(ChannelQueue::Id id, const AgentMessage& message, bool was_sent,
                                 const Done<Submitted>& done, const ReplicaWait::Answer& answer) {
  const TimePoint now = loop_.now();
  const bool inbox_full = answer && *answer == kInboxFull;
  const ChannelQueue::Kept kept = !answer      ? queue_.on_failure(id, now, is_of_the_server(answer.error()))
                                  : inbox_full ? queue_.on_full(id, now)
                                               : queue_.on_nobody(id, now);
  switch (kept) {
    case ChannelQueue::Kept::still_queued: return;
    case ChannelQueue::Kept::queued: return done(Submitted::queued);
    case ChannelQueue::Kept::refused: break;
  }
  if (answer && !inbox_full) forget(message);
  if (!answer && was_sent && !is_refusal(answer.error())) return done(is_unknown_whether_taken());
  done(inbox_full ? Error{Errc::resource_exhausted, "the channel's inbox is full"} : ChannelQueue::full());
}

void ChannelSender::pump(TimePoint now) {
  while (!closed_ && !commands_.is_full()) {
    const auto attempt = queue_.next(now);
    if (!attempt) return;
    send(attempt->id, attempt->message, {});
  }
}

void ChannelSender::tick(TimePoint now) {
  log_expired(channel_, queue_.expire(now));
  pump(now);
}

void ChannelSender::on_engine_works(TimePoint now) {
  queue_.on_engine_works(now);
  pump(now);
}

void ChannelSender::park(Done<size_t> done) {
  closed_ = true;
  parking_ = std::move(done);
  park_when_quiet();
}

// What is in flight may yet find nobody: then it waits like the others and is parked with them.
void ChannelSender::park_when_quiet() {
  if (!parking_ || !queue_.is_quiet()) return;
  const Done<size_t> done = std::exchange(parking_, nullptr);
  std::vector<std::string> parked;
  for (const ChannelQueue::Left& left : queue_.take_all()) {
    const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(left.expires - loop_.now());
    parked.push_back(left.message->message_id);
    parked.push_back(dedupe_name(*left.message));
    parked.push_back(parked_entry(*left.message, loop_.wall_now() + rest));
  }
  if (parked.empty()) return done(size_t{0});
  constexpr size_t kBatchWords = kParkBatch * kParkWords;
  auto open = std::make_shared<size_t>((parked.size() + kBatchWords - 1) / kBatchWords);
  auto lost = std::make_shared<size_t>(0);
  const std::string list = keys_.parked(channel_), index = keys_.parked();
  for (size_t first = 0; first < parked.size(); first += kBatchWords) {
    const size_t end = std::min(first + kBatchWords, parked.size());
    const std::vector<std::string_view> words(parked.begin() + static_cast<ptrdiff_t>(first),
                                              parked.begin() + static_cast<ptrdiff_t>(end));
    run_script(
        commands_, scripts::park,
        {{"left_over", list}, {"parked", index}, {"channel", channel_}, {"seen_seconds", dedupe_seconds_}},
        words, [open, lost, done, count = words.size() / kParkWords](const Result<Reply>& reply) {
          if (!reply) *lost += count;
          if (--*open == 0) done(*lost);
        });
  }
}

}  // namespace gw::redis
