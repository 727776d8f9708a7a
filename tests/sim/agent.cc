#include "sim/agent.h"

namespace gw::sim {
namespace {

constexpr Duration kAnswerTime = 4s;
constexpr Duration kThinksMax = 40ms;

}  // namespace

AgentDiary& SimAgent::diary() { return journal_.agents[options_.name]; }

void SimAgent::start() {
  AgentDiary& mine = diary();
  mine.channel = options_.channel;
  mine.group = options_.subscription.group;
  mine.tenant = options_.subscription.tenant_id;
  connect();
}

void SimAgent::leave() {
  left_ = true;
  if (pipe_) pipe_->close_by_peer();
}

void SimAgent::connect() {
  if (left_) return;
  const auto node = pick_();
  if (!node) return connect_later();
  const uint64_t attempt = ++attempt_;
  pipe_ = std::make_shared<Pipe>(world_, node, world_.random.between(Duration(100us), Duration(5ms)));
  const auto mine = [weak = weak_from_this(), attempt](auto function) {
    return [weak, attempt, function](const auto&... what) {
      const auto self = weak.lock();
      if (self && self->attempt_ == attempt) function(*self, what...);
    };
  };
  pipe_->on_node_closed = mine([attempt](SimAgent& agent) { agent.on_lost(attempt); });
  const AgentEvents events{
      .on_open = mine([](SimAgent& agent) {
        agent.world_.note(agent.options_.name, "listens");
        agent.diary().listens_since = std::min(agent.diary().listens_since, agent.world_.now());
        if (agent.last_event_id_.empty()) agent.diary().anew_at = agent.world_.now();
      }),
      .on_refused = [] {},
      .on_envelope = mine([](SimAgent& agent, const std::string& id, const std::string& envelope) {
        agent.on_envelope(id, envelope);
      }),
      .on_gap = mine([](SimAgent& agent) { agent.diary().gap_at = agent.world_.now(); }),
  };
  AgentSubscription subscription = options_.subscription;
  subscription.last_event_id = last_event_id_;
  pipe_->to_node(
      [pipe = pipe_, subscription, events](GatewayNode& to) { to.open_agent(pipe, subscription, events); });
}

void SimAgent::connect_later() {
  world_.after(world_.random.between(Duration(20ms), Duration(1s)), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->connect();
  });
}

void SimAgent::on_lost(uint64_t attempt) {
  if (attempt != attempt_) return;
  ++attempt_;
  ++diary().losses;
  world_.note(options_.name, "lost its stream");
  connect_later();
}

void SimAgent::on_envelope(const std::string& event_id, const std::string& envelope) {
  const size_t bar = envelope.find('|');
  const std::string text = envelope.substr(0, bar);
  world_.note(options_.name, "got " + text + " as " + event_id);
  diary().received.push_back({text, event_id, world_.now()});
  if (options_.subscription.group.empty()) last_event_id_ = event_id;
  const bool forgets = options_.forgets_one_in != 0 && world_.random.one_in(options_.forgets_one_in);
  world_.after(world_.random.between(Duration::zero(), kThinksMax),
               [weak = weak_from_this(), event_id, text, forgets,
                from = bar == std::string::npos ? "" : envelope.substr(bar + 1)] {
                 const auto self = weak.lock();
                 if (!self) return;
                 const bool answers =
                     !from.empty() && self->world_.random.one_in(self->options_.answers_one_in);
                 if (answers) self->answer(text, from);
                 if (!self->options_.subscription.group.empty() && !forgets) self->acknowledge(event_id);
               });
}

// A request of its own, to whichever gateway; again until it is answered.
void SimAgent::acknowledge(const std::string& event_id) {
  const auto again = [weak = weak_from_this(), event_id] {
    const auto self = weak.lock();
    if (self && !self->diary().acknowledged.contains(event_id)) self->acknowledge(event_id);
  };
  const auto node = pick_();
  if (!node) return world_.after(kAnswerTime / 4, again);
  const auto request =
      std::make_shared<Pipe>(world_, node, world_.random.between(Duration(100us), Duration(5ms)));
  const bool gives_up = options_.gives_up_one_in != 0 && world_.random.one_in(options_.gives_up_one_in);
  request->to_node([request, event_id, gives_up, subscription = options_.subscription,
                    weak = weak_from_this()](GatewayNode& to) {
    const auto done = [request, event_id, weak](Result<size_t> closed) {
      if (!closed) return;
      request->to_peer([event_id, weak] {
        if (const auto self = weak.lock()) self->diary().acknowledged.insert(event_id);
      });
    };
    if (gives_up) return to.deliveries().give_up(subscription, {event_id}, "it fails", done);
    to.deliveries().acknowledge(subscription, {event_id}, done);
  });
  world_.after(kAnswerTime, again);
}

void SimAgent::answer(const std::string& text, const std::string& connection) {
  const auto node = pick_();
  if (!node) return;
  const auto request =
      std::make_shared<Pipe>(world_, node, world_.random.between(Duration(100us), Duration(5ms)));
  const std::string answer =
      "\"re " + text + " of " + options_.name + " " + std::to_string(++answers_) + "\"";
  request->to_node([request, answer, connection, weak = weak_from_this()](GatewayNode& to) {
    to.post_office().send(ToConnection{connection}, answer, "",
                          [request, answer, connection, weak](Result<size_t> sent) {
                            if (!sent || *sent == 0) return;
                            request->to_peer([answer, connection, weak] {
                              if (const auto self = weak.lock()) self->journal_.answers[answer] = connection;
                            });
                          });
  });
}

}  // namespace gw::sim
