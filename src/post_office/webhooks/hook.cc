#include "post_office/webhooks/hook.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "core/run/run_machine.h"

namespace gw {
namespace {

constexpr Duration kJoinAgainAfter = 1s;
constexpr Duration kLookAgainAfter = 2s;  // at a run that another answers
constexpr Duration kSettleAgainAfter = 1s;
constexpr const char* kTooOften = "the webhook failed too often";

}  // namespace

Hook::Hook(const Parts& parts, WebhookTarget target)
    : parts_(parts), target_(std::move(target)), circuit_(parts.delivery.options.circuit) {}

Hook::~Hook() {
  for (size_t i = 0; i < in_flight_; ++i) parts_.budget.give_back(target_.webhook.realm);
}

// --- Its membership ---

AgentSubscription Hook::subscription() const {
  return {target_.channel, target_.webhook.group, target_.webhook.tenant_id};
}

void Hook::join(Done<void> done) {
  is_joining_ = true;
  membership_ = parts_.delivery.post_office.subscribe(
      subscription(), self_, [weak = self_, done = std::move(done)](const Result<void>& joined) {
        const auto hook = weak.lock();
        if (!hook) return;
        hook->is_joining_ = false;
        hook->is_member_ = joined.has_value();
        hook->join_at_ = hook->parts_.delivery.loop.now() + kJoinAgainAfter;
        done(joined);
      });
}

void Hook::leave() {
  is_leaving_ = true;
  is_member_ = false;
  membership_.reset();
}

void Hook::set_secrets(const Webhook& webhook) {
  target_.webhook.secret = webhook.secret;
  target_.webhook.old_secret = webhook.old_secret;
  target_.webhook.old_secret_until = webhook.old_secret_until;
}

Hook::State Hook::state() const {
  return {circuit_.state(), items_.size(), in_flight_, is_member_, last_failure_};
}

// --- Envelopes ---

bool Hook::deliver(std::string_view id, std::string_view envelope) {
  const WebhookOptions& options = parts_.delivery.options;
  if (is_leaving_) return false;
  // Delivered again, while it is still here.
  if (find(id) != items_.end()) return true;
  if (items_.size() >= options.waiting_max) return false;
  if (!items_.empty() && bytes_ + envelope.size() > options.waiting_bytes_max) return false;
  Item& item = items_.emplace_back(PostedEnvelope::read(std::string(id), std::string(envelope)));
  bytes_ += envelope.size();
  item.due = parts_.delivery.loop.now();
  // The engine is in the middle of its lists.
  if (std::exchange(is_pump_due_, true)) return true;
  parts_.delivery.loop.post([weak = self_] {
    const auto hook = weak.lock();
    if (!hook) return;
    hook->is_pump_due_ = false;
    hook->pump(hook->parts_.delivery.loop.now());
  });
  return true;
}

void Hook::tick(TimePoint now) {
  if (!is_member_ && !is_joining_ && !is_leaving_ && now >= join_at_) join([](const Result<void>&) {});
  say_working(now);
  pump(now);
}

// One at a time means in order: what fails holds up those behind it. Else it steps aside.
void Hook::pump(TimePoint now) {
  const bool in_order = target_.webhook.in_flight_max <= 1;
  for (Item& item : items_) {
    if (item.is_done && now >= item.due) settle(item);
    if (item.is_done) continue;
    if (may_begin(item, now)) begin(item, now);
    if (in_order) return;
  }
}

bool Hook::may_begin(const Item& item, TimePoint now) const {
  return !item.delivery && !item.is_ending && now >= item.due && !is_leaving_ &&
         in_flight_ < target_.webhook.in_flight_max && parts_.budget.allows(target_.webhook.realm);
}

void Hook::begin(Item& item, TimePoint now) {
  if (!circuit_.allow(now)) {
    ++parts_.stats.skipped_total;
    return on_failed(item, {WebhookDelivery::Outcome::failed, "its circuit is open"});
  }
  ++in_flight_;
  parts_.budget.take(target_.webhook.realm);
  item.began = now;
  item.delivery = std::make_unique<WebhookDelivery>(
      parts_.delivery, target_, item.envelope, [this, &item](const WebhookDelivery::Attempted& attempted) {
        item.delivery.reset();
        --in_flight_;
        parts_.budget.give_back(target_.webhook.realm);
        on_attempted(item, attempted);
        pump(parts_.delivery.loop.now());
      });
}

void Hook::on_attempted(Item& item, const WebhookDelivery::Attempted& attempted) {
  using Outcome = WebhookDelivery::Outcome;
  const TimePoint now = parts_.delivery.loop.now();
  const auto before = circuit_.state();
  if (attempted.was_posted) parts_.stats.latency.record(now - item.began);
  if (attempted.outcome == Outcome::failed) {
    circuit_.on_failure(now);
    ++parts_.stats.failed_total;
    last_failure_ = attempted.why;
  } else {
    circuit_.on_success();
    if (attempted.was_posted) last_failure_.clear();
  }
  tell_circuit(before);
  switch (attempted.outcome) {
    case Outcome::failed: return on_failed(item, attempted);
    case Outcome::held: item.due = now + kLookAgainAfter; return;
    case Outcome::hopeless: return give_up(item, attempted.why);
    case Outcome::delivered: break;
  }
  ++parts_.stats.delivered_total;
  item.is_done = true;
  settle(item);
}

void Hook::on_failed(Item& item, const WebhookDelivery::Attempted& attempted) {
  ++item.attempts;
  log::debug("webhook_attempt_failed", {{"subscription_id", target_.webhook.id},
                                        {"message_id", item.envelope.message_id},
                                        {"attempt", item.attempts},
                                        {"reason", attempted.why}});
  if (item.attempts >= parts_.delivery.options.attempts) return give_up(item, kTooOften);
  item.due = parts_.delivery.loop.now() + std::max(pause_after(item.attempts), attempted.retry_after);
}

// Twice as long each time, less up to half of it, so that what failed together does not come again together.
Duration Hook::pause_after(size_t attempts) const {
  const WebhookOptions& options = parts_.delivery.options;
  Duration pause = options.retry_from;
  for (size_t i = 1; i < attempts && pause < options.retry_to; ++i) pause *= 2;
  pause = std::min(pause, options.retry_to);
  return pause - pause * static_cast<int>(fast_random() % 512) / 1024;
}

void Hook::give_up(Item& item, std::string reason) {
  ++parts_.stats.given_up_total;
  item.reason = std::move(reason);
  say_last_words(item);
}

// Whoever asked is told at once, where the answer has begun here; a run that nobody has claimed yet may be
// another agent's.
void Hook::say_last_words(Item& item) {
  item.is_ending = true;
  const std::string& id = item.envelope.delivery_id;
  if (item.envelope.run_id.empty() || !target_.webhook.may_run) return end_last_words(id);
  parts_.delivery.runs.find_record(
      item.envelope.run_id, {}, [weak = self_, id](const RunResult<const Run*>& run) {
        const auto hook = weak.lock();
        if (!hook) return;
        const bool is_ours = run && (*run)->record.status == RunStatus::in_progress &&
                             (*run)->record.producer == hook->target_.producer;
        if (!is_ours) return hook->end_last_words(id);
        hook->end_run(id);
      });
}

void Hook::end_run(const std::string& id) {
  const auto item = find(id);
  if (item == items_.end()) return;
  RunWriter::Claim claim{item->envelope.run_id, item->envelope.run_format, {}, {}};
  claim.claim.producer = target_.producer;
  claim.claim.group = target_.webhook.group;
  claim.claim.delivery_id = id;
  claim.claim.realm = target_.webhook.realm;
  // In a turn of its own: it ends the one who says so.
  const auto over = [weak = self_, &loop = parts_.delivery.loop, id](RunWriter::Over) {
    loop.post([weak, id] {
      if (const auto hook = weak.lock()) hook->end_last_words(id);
    });
  };
  item->last_words = std::make_unique<RunWriter>(parts_.delivery.loop, parts_.delivery.runs, std::move(claim),
                                                 RunWriter::Events{[] {}, [] {}, over});
  item->last_words->finish({RunStatus::failed, RunError{"webhook_failed", kTooOften}, {}});
  item->last_words->begin();
}

void Hook::end_last_words(const std::string& id) {
  const auto item = find(id);
  if (item == items_.end()) return;
  item->last_words.reset();
  item->is_ending = false;
  item->is_done = true;
  settle(*item);
}

// Until the engine has answered, it is tried again.
void Hook::settle(Item& item) {
  item.due = parts_.delivery.loop.now() + kSettleAgainAfter;
  const std::vector<std::string> ids{item.envelope.delivery_id};
  const auto done = [weak = self_, id = ids.front()](const Result<size_t>& closed) {
    // A group that is gone has nothing open.
    const bool is_settled = closed || closed.error().code == Errc::not_found;
    if (const auto hook = weak.lock(); hook && is_settled) hook->erase(id);
  };
  PostOffice& post_office = parts_.delivery.post_office;
  // The engine may answer at once, and whoever is in the middle of the list calls this.
  parts_.delivery.loop.post([&post_office, group = subscription(), ids, reason = item.reason, done] {
    if (reason.empty()) return post_office.acknowledge(group, ids, done);
    post_office.give_up(group, ids, reason, done);
  });
}

Hook::Items::iterator Hook::find(std::string_view id) {
  return std::find_if(items_.begin(), items_.end(),
                      [&](const Item& item) { return item.envelope.delivery_id == id; });
}

void Hook::erase(const std::string& id) {
  const auto item = find(id);
  if (item == items_.end()) return;
  bytes_ -= item->envelope.text.size();
  items_.erase(item);
}

// What waits here is this instance's, however long it takes.
void Hook::say_working(TimePoint now) {
  if (items_.empty() || now - worked_at_ < parts_.delivery.options.ack_wait / 4) return;
  worked_at_ = now;
  std::vector<std::string> ids;
  for (const Item& item : items_) {
    // Others may have what nobody here will begin any more.
    if (!is_leaving_ || item.delivery) ids.push_back(item.envelope.delivery_id);
  }
  parts_.delivery.post_office.working(subscription(), ids, [](const Result<size_t>&) {});
}

void Hook::tell_circuit(CircuitBreaker::State before) {
  const CircuitBreaker::State now = circuit_.state();
  if (now == before || now == CircuitBreaker::State::half_open) return;
  const bool is_open = now == CircuitBreaker::State::open;
  // What waits need not wait for its own time.
  if (!is_open) {
    for (Item& item : items_) item.due = std::min(item.due, parts_.delivery.loop.now());
  }
  if (is_open && before == CircuitBreaker::State::half_open) return;
  log::warn(is_open ? "webhook_circuit_opened" : "webhook_circuit_closed",
            {{"subscription_id", target_.webhook.id}, {"host", target_.url.host}, {"reason", last_failure_}});
}

}  // namespace gw
