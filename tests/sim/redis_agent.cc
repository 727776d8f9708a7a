#include "sim/redis_agent.h"

#include "engine/redis/resp.h"
#include "sim/redis_host.h"

namespace gw::sim {
namespace {

constexpr Duration kAskEvery = 200ms;

}  // namespace

void RedisAgent::start() {
  diary().channel = options_.channel;
  diary().group = options_.works ? "agents" : "";
  diary().over_pubsub = !options_.works;
  connect();
}

void RedisAgent::leave() {
  left_ = true;
  if (line_) line_->close_near();
}

void RedisAgent::connect_later() {
  world_.after(world_.random.between(Duration(50ms), Duration(1s)), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->connect();
  });
}

void RedisAgent::connect() {
  if (left_) return;
  RedisHost* const host = find_();
  if (!host || !host->is_up()) return connect_later();
  const uint64_t attempt = ++attempt_;
  reader_ = std::make_unique<AnswerReader>();
  line_ = std::make_shared<Line>(world_, network_, options_.name, host->address().text());
  network_.add(line_);
  line_->open({.on_bytes =
                   [weak = weak_from_this(), attempt](const std::string& bytes) {
                     const auto self = weak.lock();
                     if (self && self->attempt_ == attempt) self->on_bytes(bytes);
                   },
               .on_end =
                   [weak = weak_from_this(), attempt] {
                     const auto self = weak.lock();
                     if (!self || self->attempt_ != attempt) return;
                     ++self->diary().losses;
                     self->connect_later();
                   }},
              host->accept(line_));
  if (!options_.works) return send({"SUBSCRIBE", "websocket:" + options_.channel});
  ask();
}

void RedisAgent::send(const Words& words) {
  std::string bytes;
  redis::append_command(bytes, std::vector<std::string_view>(words.begin(), words.end()));
  line_->to_far(std::move(bytes), [] {});
}

void RedisAgent::ask() {
  send({"XREADGROUP", "GROUP", "agents", options_.name, "COUNT", "8", "STREAMS", stream(), ">"});
  send({"XAUTOCLAIM", stream(), "agents", options_.name, "30000", "0", "COUNT", "8"});
  world_.after(kAskEvery, [weak = weak_from_this(), attempt = attempt_] {
    const auto self = weak.lock();
    if (self && self->attempt_ == attempt && self->line_->is_open()) self->ask();
  });
}

void RedisAgent::on_bytes(const std::string& bytes) {
  reader_->feed(bytes);
  while (const std::optional<Answer> answer = reader_->next()) on_answer(*answer);
}

// [message, name, payload] or [subscribe, name, count]; [[stream, entries]]; [next, entries, gone].
void RedisAgent::on_answer(const Answer& answer) {
  // A replica by now: the master is somewhere else.
  if (answer.is_error() && answer.text.starts_with("READONLY")) {
    line_->close_near();
    ++attempt_;
    return connect_later();
  }
  if (answer.items.empty()) return;
  if (!options_.works) {
    if (answer.items[0].text == "subscribe")
      diary().listens_since = std::min(diary().listens_since, world_.now());
    if (answer.items[0].text != "message") return;
    const std::string& envelope = answer.items[2].text;
    diary().received.push_back({envelope.substr(0, envelope.find('|')), "", world_.now()});
    return;
  }
  if (answer.items.size() == 3) return on_entries(answer.items[1]);
  // A group that has never read anything keeps nothing.
  diary().listens_since = std::min(diary().listens_since, world_.now());
  on_entries(answer.items[0].items.at(1));
}

void RedisAgent::on_entries(const Answer& entries) {
  for (const Answer& entry : entries.items) {
    const std::string& id = entry.items[0].text;
    const auto& fields = entry.items[1].items;
    for (size_t i = 0; i + 1 < fields.size(); i += 2) {
      if (fields[i].text != "envelope") continue;
      const std::string text = fields[i + 1].text.substr(0, fields[i + 1].text.find('|'));
      world_.note(options_.name, "got " + text + " as " + id);
      diary().received.push_back({text, id, world_.now()});
    }
    send({"XACK", stream(), "agents", id});
  }
}

}  // namespace gw::sim
