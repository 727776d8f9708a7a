// One webhook on one instance: a member of its group that posts each envelope to the callback, again and
// again with longer pauses, and says what has been done with. Control loop only.
//
//   waiting --its turn--> on its way --2xx--> done: acknowledged
//      ^                      |
//      `--pause-- failed <----'    after the last attempt: given up, a dead letter of the group
#pragma once

#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/agent_delivery.h"
#include "core/circuit_breaker.h"
#include "core/webhook_stats.h"
#include "post_office/webhooks/delivery.h"

namespace gw {

// How many requests may be on their way at a time, of all webhooks: those of a realm may be as many as are
// then still free.
class CallBudget {
 public:
  explicit CallBudget(const WebhookOptions& options) : options_(options) {}
  bool allows(const std::string& realm) const {
    const auto of_realm = of_realms_.find(realm);
    const size_t free = options_.calls_max - std::min(used_, options_.calls_max);
    return (of_realm == of_realms_.end() ? 0 : of_realm->second) < free;
  }
  void take(const std::string& realm) {
    ++used_;
    ++of_realms_[realm];
  }
  void give_back(const std::string& realm) {
    --used_;
    if (--of_realms_[realm] == 0) of_realms_.erase(realm);
  }
  size_t used() const { return used_; }

 private:
  const WebhookOptions& options_;
  size_t used_ = 0;
  std::map<std::string, size_t> of_realms_;
};

class Hook final : public AgentSink {
 public:
  struct Parts {
    DeliveryParts delivery;
    CallBudget& budget;
    WebhookStats& stats;
  };

  Hook(const Parts& parts, WebhookTarget target);
  ~Hook() override;

  // Before anything else: who owns this.
  void own(const std::shared_ptr<Hook>& self) { self_ = self; }
  // Becomes a member of its group, as tick() does where it is none. `done` as AgentDelivery::subscribe() has
  // it.
  void join(Done<void> done);
  // Another secret; all else is what it was.
  void set_secrets(const Webhook& webhook);
  // No more envelopes; what is on its way is ended in its own time.
  void leave();
  // Every 100 ms or so.
  void tick(TimePoint now);

  bool is_idle() const { return in_flight_ == 0; }
  const Webhook& webhook() const { return target_.webhook; }
  struct State {
    CircuitBreaker::State circuit = CircuitBreaker::State::closed;
    size_t waiting = 0;  // those on their way among them
    size_t in_flight = 0;
    bool is_member = false;
    std::string last_failure;  // empty: the last attempt has not failed
  };
  State state() const;

  // AgentSink.
  bool deliver(std::string_view id, std::string_view envelope) override;
  void fell_behind() override {}

 private:
  struct Item {
    explicit Item(PostedEnvelope posted) : envelope(std::move(posted)) {}

    PostedEnvelope envelope;
    size_t attempts = 0;
    TimePoint due;           // not before
    bool is_ending = false;  // given up; its last words are being said
    bool is_done = false;    // acknowledged, or to be
    std::string reason;      // why it is given up; empty: it is not
    TimePoint began;         // the attempt on its way
    std::unique_ptr<WebhookDelivery> delivery;
    std::unique_ptr<RunWriter> last_words;  // that its run has failed
  };
  using Items = std::list<Item>;

  AgentSubscription subscription() const;
  void pump(TimePoint now);
  bool may_begin(const Item& item, TimePoint now) const;
  void begin(Item& item, TimePoint now);
  void on_attempted(Item& item, const WebhookDelivery::Attempted& attempted);
  void on_failed(Item& item, const WebhookDelivery::Attempted& attempted);
  void give_up(Item& item, std::string reason);
  void say_last_words(Item& item);
  void end_run(const std::string& id);
  void end_last_words(const std::string& id);
  void settle(Item& item);
  Items::iterator find(std::string_view id);
  void erase(const std::string& id);
  void say_working(TimePoint now);
  Duration pause_after(size_t attempts) const;
  void tell_circuit(CircuitBreaker::State before);

  const Parts parts_;
  WebhookTarget target_;
  SubscriptionHandle membership_;
  bool is_member_ = false, is_joining_ = false, is_leaving_ = false;
  bool is_pump_due_ = false;
  std::weak_ptr<Hook> self_;
  TimePoint join_at_;  // again
  Items items_;        // in order
  size_t bytes_ = 0;
  size_t in_flight_ = 0;
  CircuitBreaker circuit_;
  std::string last_failure_;
  TimePoint worked_at_;
};

}  // namespace gw
