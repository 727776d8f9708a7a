#include "sim/client.h"

namespace gw::sim {
namespace {

constexpr Duration kWelcomeTime = 5s;
constexpr Duration kBackoffMin = 50ms;
constexpr Duration kBackoffMax = 1500ms;

}  // namespace

void SimClient::start() { connect(); }

void SimClient::leave() {
  left_ = silent_ = true;
  on_lost(attempt_);
}

void SimClient::connect() {
  if (left_) return;
  const auto node = pick_();
  if (!node) return connect_later();
  const uint64_t attempt = ++attempt_;
  instance_ = node->name();
  process_ = node->process();
  pipe_ = std::make_shared<Pipe>(world_, node, world_.random.between(Duration(100us), Duration(20ms)));
  const auto mine = [weak = weak_from_this(), attempt](auto function) {
    return [weak, attempt, function](const auto&... what) {
      const auto self = weak.lock();
      if (self && self->attempt_ == attempt) function(*self, what...);
    };
  };
  pipe_->on_node_closed = mine([attempt](SimClient& client) { client.on_lost(attempt); });
  const ClientEvents events{
      .on_welcome = mine([](SimClient& client, const std::string& id) { client.on_welcome(id); }),
      .on_ack = mine([](SimClient& client, const std::string& id, const std::string& status) {
        client.on_answer(id, status);
      }),
      .on_error = mine([](SimClient& client, const std::string& id, Errc) { client.on_answer(id, ""); }),
      .on_message = mine([](SimClient& client, const std::string& text) { client.on_message(text); }),
      .on_gap = mine([](SimClient& client, const std::string&) {
        if (ConnectionDiary* const diary = client.diary()) diary->gaps.push_back(client.world_.now());
      }),
      .on_close = mine([](SimClient& client, uint16_t code) {
        client.world_.note(client.options_.name, "closed with " + std::to_string(code));
      }),
  };
  pipe_->to_node([pipe = pipe_, token = options_.token, id = options_.named ? options_.name : "",
                  events](GatewayNode& to) { to.open_client(pipe, token, id, events); });
  world_.after(kWelcomeTime, mine([attempt](SimClient& client) {
                 if (client.connection_.empty()) client.on_lost(attempt);
               }));
}

void SimClient::connect_later() {
  world_.after(world_.random.between(kBackoffMin, kBackoffMax), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->connect();
  });
}

ConnectionDiary* SimClient::diary() {
  return connection_.empty() ? nullptr : &journal_.connections[connection_];
}

void SimClient::on_lost(uint64_t attempt) {
  if (attempt != attempt_ || !pipe_) return;
  ++attempt_;
  if (ConnectionDiary* const lost = diary()) lost->closed_at = world_.now();
  world_.note(options_.name, "lost " + connection_);
  connection_.clear();
  pipe_->close_by_peer();
  pipe_.reset();
  connect_later();
}

void SimClient::on_welcome(const std::string& id) {
  world_.note(options_.name, "welcome " + id + " at " + instance_);
  connection_ = id;
  next_order_ = 1;
  ConnectionDiary diary;
  diary.client = options_.name;
  diary.channel = options_.channel;
  diary.instance = instance_;
  diary.welcome_at = world_.now();
  journal_.connections[id] = diary;
  pipe_->to_node([pipe = pipe_, channel = options_.channel](GatewayNode& node) {
    node.subscribe_client(pipe, channel);
  });
  for (const auto& [number, text] : unanswered_) send(number);
  if (!std::exchange(sending_, true)) send_new();
}

void SimClient::send_new() {
  if (silent_) return;
  world_.after(world_.random.between(Duration(1ms), 2 * options_.send_every), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->send_new();
  });
  if (connection_.empty()) return;
  const uint64_t number = next_number_++;
  const std::string text = options_.name + "/" + std::to_string(number);
  unanswered_[number] = text;
  Sent& sent = journal_.sent[text];
  sent.client = options_.name;
  sent.connection = connection_;
  sent.order = next_order_++;
  sent.channel = options_.channel;
  sent.tenant = options_.tenant;
  sent.named = options_.named;
  sent.sent_at = world_.now();
  send(number);
}

void SimClient::send(uint64_t number) {
  if (!pipe_ || connection_.empty()) return;
  const std::string& text = unanswered_.at(number);
  ++journal_.sent[text].tries;
  world_.note(options_.name, "sends " + text);
  pipe_->to_node([pipe = pipe_, message = ClientMessage{options_.channel, std::to_string(number),
                                                        text + "|" + connection_}](GatewayNode& node) {
    node.on_message(pipe, message);
  });
}

// An empty status: it was refused for now.
void SimClient::on_answer(const std::string& id, const std::string& status) {
  const uint64_t number = std::stoull(id);
  world_.note(options_.name, "hears of " + id + ": " + (status.empty() ? "refused" : status));
  const auto it = unanswered_.find(number);
  if (it == unanswered_.end()) return;
  if (status.empty()) {
    return world_.after(world_.random.between(kBackoffMin, kBackoffMax), [weak = weak_from_this(), number] {
      const auto self = weak.lock();
      if (self && self->unanswered_.contains(number)) self->send(number);
    });
  }
  Sent& sent = journal_.sent[it->second];
  sent.ack = status;
  sent.acked_by = process_;
  sent.acked_at = world_.now();
  unanswered_.erase(it);
}

void SimClient::on_message(const std::string& text) {
  if (ConnectionDiary* const here = diary()) here->heard.insert(text);
}

}  // namespace gw::sim
