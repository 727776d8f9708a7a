#include "engine/redis/partition.h"

#include "base/hex.h"
#include "base/log.h"
#include "base/random.h"
#include "engine/redis/cluster_slot.h"

namespace gw::redis {
namespace {

constexpr Duration kLeaveTime = 1s;
// From an hour before a secret's period to an hour behind it.
constexpr std::chrono::seconds kSecretTime = 3h;

std::string name_of(const PartitionOptions& options) {
  if (options.engine.tags == 0) return options.url.text();
  return joined("partition ", std::to_string(options.index), " of ", options.url.text());
}

}  // namespace

DialOptions Partition::dial_options(const PartitionOptions& options, std::string_view kind) {
  DialOptions dial;
  dial.url = options.url;
  dial.sentinels = &sentinels_;
  if (shared_.cluster) {
    dial.cluster = shared_.cluster;
    dial.guard_key = keys_.moving();
    dial.slot = slot_of(dial.guard_key);
  }
  dial.ca_file = options.engine.ca_file;
  dial.client_name = options.engine.instance_id + ":" + std::string(kind);
  return dial;
}

Partition::Partition(const Shared& shared, const PartitionOptions& options)
    : shared_(shared),
      loop_(shared.loop),
      index_(options.index),
      count_(options.count),
      keys_(options.key_prefix, options.engine.instance_id, options.url.database),
      name_(name_of(options)),
      sentinels_(loop_, options.url, options.engine.ca_file,
                 [this] {
                   prober_.move({Errc::unavailable, "the sentinels name another master"});
                 }),
      messages_(loop_, dial_options(options, "messages"), "messages"),
      commands_(loop_, dial_options(options, "commands"), "commands"),
      pushes_(loop_, dial_options(options, "subscriptions"), "subscriptions"),
      lease_(loop_, commands_, keys_, options.engine.presence.members_max),
      subscriptions_(loop_, pushes_),
      presence_({loop_, commands_, subscriptions_, lease_, keys_, shared.channels, shared.presence},
                options.engine.presence),
      registry_(loop_, commands_, lease_, keys_, shared.channels, shared.presence),
      sessions_(loop_, commands_, keys_, shared.channels, options.engine.sessions),
      revocations_(loop_, commands_, keys_, options.engine.revocations),
      agents_({loop_, messages_, commands_, subscriptions_, lease_, keys_, shared.channels},
              options.engine.agents),
      prober_({loop_, messages_, commands_, pushes_, subscriptions_, lease_, keys_},
              [this] { agents_.on_engine_works(loop_.now()); }),
      clients_({loop_, messages_, pushes_, subscriptions_, lease_, registry_, shared.find_local, keys_,
                shared.channels, agents_, prober_},
               options.engine.message_bytes_max) {
  if (count_ > 1) numbering_.emplace(loop_, commands_, keys_, index_, count_);
  for (size_t i = 0; i < shared.channels.size(); ++i) {
    const auto channel = static_cast<ChannelIndex>(i);
    if (has(shared.channels.name(channel))) add_channel(channel);
  }
  subscriptions_.keep(keys_.session_changed(),
                      [this](std::string_view key_hex) { return sessions_.on_announced(key_hex); });
}

void Partition::add_channel(ChannelIndex channel) {
  agents_.add_channel(channel);
  clients_.add_channel(channel);
  presence_.add_channel(channel);
}

void Partition::start(Events events) {
  events_ = std::move(events);
  sentinels_.start();
  lease_.start({.on_lost = [this] { on_lost(); }, .on_fresh = [this] { pushes_.resume(); }});
  start_commands();
  if (!numbering_) start_others();
}

void Partition::start_commands() {
  commands_.start({.on_up = [this] { on_up(); },
                   .on_down =
                       [this] {
                         lease_.on_down();
                         if (numbering_) numbering_->on_down();
                         clients_.on_engine_lost();
                       },
                   .on_push = {}});
}

void Partition::start_others() {
  is_started_ = true;
  messages_.start({.on_up =
                       [this] {
                         load_scripts(messages_);
                         events_.on_messages_up();
                         prober_.on_up(messages_);
                       },
                   .on_down = [this] { clients_.on_engine_lost(); },
                   .on_push = {}});
  subscriptions_.start({.on_ready = [this] { on_subscribed(); },
                        .on_down =
                            [this] {
                              sessions_.on_deaf();
                              clients_.on_engine_lost();
                              prober_.on_deaf();
                            }});
}

void Partition::tick() {
  prober_.judge(loop_.now());
  agents_.tick(loop_.now());
  sessions_.tick();
  // Who could not take what was pushed may be able to by now.
  if (pushes_.is_holding()) pushes_.resume();
}

void Partition::on_up() {
  load_scripts(commands_);
  if (!numbering_) return on_agreed();
  numbering_->ask([this] {
    if (!is_started_) start_others();
    on_agreed();
  });
}

void Partition::on_agreed() {
  // A server that has restarted may have gone back to an older snapshot.
  const std::string& run_id = commands_.run_id();
  if (run_id.empty() || run_id != server_run_id_) lease_.invalidate();
  server_run_id_ = run_id;
  lease_.on_up();
  agents_.on_up();
  events_.on_commands_up();
  prober_.on_up(commands_);
  registry_.flush();
}

void Partition::on_lost() {
  const TimePoint began = loop_.now();
  events_.on_forgotten();
  registry_.rebuild([this, began] {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - began);
    log::info("registry_rebuilt", {{"milliseconds", took.count()}});
    lease_.on_registered();
    presence_.rebuild();
  });
}

void Partition::on_subscribed() {
  agents_.on_subscribed();
  events_.on_subscribed();
  prober_.on_up(pushes_);
  sessions_.on_hearing();
  // Whatever was said of sessions and connections while nobody listened.
  registry_.take_evictions();
  shared_.each_session(*this, [this](const SessionPtr& session) { sessions_.check(session); });
}

void Partition::leave(std::function<void()> done) {
  registry_.flush();
  presence_.flush();
  commands_.command({"DEL", keys_.report(keys_.instance())}, {});
  auto once = std::make_shared<std::function<void()>>(std::move(done));
  const auto finish = [once] {
    if (auto call = std::exchange(*once, nullptr)) call();
  };
  lease_.leave([finish](const Result<Reply>&) { finish(); });
  leaving_ = loop_.after(kLeaveTime, finish);
}

void Partition::shared_secret(uint32_t period, Done<Digest> done) {
  const std::string key = keys_.secret(period);
  commands_.command({"SET", key, secure_random_hex(32), "NX", "EX", std::to_string(kSecretTime.count())}, {});
  commands_.command({"GET", key}, [done = std::move(done)](const Result<Reply>& reply) {
    if (!reply) return done(reply.error());
    Digest secret;
    if (!from_hex(reply->text(), secret)) return done(Error{Errc::unavailable, "Redis has kept no secret"});
    done(secret);
  });
}

void Partition::report(std::string text) {
  if (commands_.is_full()) return;
  commands_.command(
      {"SET", keys_.report(keys_.instance()), text, "PX", std::to_string(gw::Engine::kReportTime.count())},
      [](const Result<Reply>&) {});
}

void Partition::reports(Done<std::vector<std::string>> done) {
  commands_.command({"SMEMBERS", keys_.gateways()},
                    [this, done = std::move(done)](const Result<Reply>& reply) {
                      if (!reply) return done(reply.error());
                      if (reply->size() == 0) return done(std::vector<std::string>());
                      Words words;
                      words.lend("MGET");
                      for (size_t i = 0; i < reply->size(); ++i) words.keep(keys_.report((*reply)[i].text()));
                      commands_.command(words.all(), [done](const Result<Reply>& found) {
                        if (!found) return done(found.error());
                        std::vector<std::string> texts;
                        for (size_t i = 0; i < found->size(); ++i) {
                          if (const std::string_view text = (*found)[i].text(); !text.empty())
                            texts.emplace_back(text);
                        }
                        done(std::move(texts));
                      });
                    });
}

bool Partition::is_connected() const {
  return messages_.is_up() && commands_.is_up() && pushes_.is_up() &&
         (!numbering_ || numbering_->is_agreed());
}

EngineStats Partition::stats() const {
  EngineStats stats;
  stats.connected = is_connected();
  for (const Client* client : {&messages_, &commands_, &pushes_}) {
    const ConnectionStats one = client->stats();
    stats.commands_total += one.commands_total;
    stats.errors_total += one.errors_total;
    stats.losses_total += one.losses_total;
    stats.pending += one.pending;
  }
  return stats;
}

}  // namespace gw::redis
