#include "engine/redis/engine.h"

#include "base/log.h"
#include "engine/redis/cluster_slot.h"

namespace gw::redis {
namespace {

constexpr Duration kTickEvery = 100ms;
constexpr Duration kLeaveTime = 1s;

}  // namespace

DialOptions Engine::dial_options(const EngineOptions& options, std::string_view kind) {
  DialOptions dial;
  dial.url = options.url;
  dial.sentinels = &sentinels_;
  if (cluster_) {
    dial.cluster = &*cluster_;
    dial.guard_key = keys_.moving();
    dial.slot = slot_of(dial.guard_key);
  }
  dial.ca_file = options.ca_file;
  dial.client_name = options.instance_id + ":" + std::string(kind);
  return dial;
}

Engine::Engine(EventLoop& loop, const ChannelTable& channels, const EngineOptions& options)
    : loop_(loop),
      channels_(channels),
      keys_(options.key_prefix, options.instance_id, options.url.database),
      traits_{"redis", true, keys_.agents(""), keys_.gateway(keys_.instance())},
      sentinels_(loop, options.url, options.ca_file,
                 [this] {
                   prober_.move({Errc::unavailable, "the sentinels name another master"});
                 }),
      cluster_(options.url.is_cluster
                   ? std::optional<ClusterMap>(std::in_place, loop, options.url, options.ca_file)
                   : std::nullopt),
      messages_(loop, dial_options(options, "messages"), "messages"),
      commands_(loop, dial_options(options, "commands"), "commands"),
      pushes_(loop, dial_options(options, "subscriptions"), "subscriptions"),
      lease_(loop, commands_, keys_, options.presence.members_max),
      subscriptions_(loop, pushes_),
      presence_({loop, commands_, subscriptions_, lease_, keys_, channels}, options.presence),
      registry_(loop, commands_, lease_, keys_, channels, presence_.counts()),
      sessions_(loop, commands_, keys_, channels, options.sessions),
      revocations_(loop, commands_, keys_, options.revocations),
      webhooks_(loop, commands_, subscriptions_, keys_, options.webhooks),
      agents_({loop, messages_, commands_, subscriptions_, lease_, keys_, channels}, options.agents),
      prober_({loop, messages_, commands_, pushes_, subscriptions_, lease_, keys_},
              [this] { agents_.on_engine_works(loop_.now()); }),
      clients_(
          {loop, messages_, pushes_, subscriptions_, lease_, registry_, keys_, channels, agents_, prober_},
          options.message_bytes_max),
      runs_({loop, messages_, subscriptions_, keys_, channels}, options.runs) {
  subscriptions_.keep(keys_.session_changed(), [this](std::string_view key_hex) {
    sessions_.on_announced(key_hex);
    return true;
  });
}

void Engine::add_channel(ChannelIndex channel) {
  agents_.add_channel(channels_.name(channel));
  clients_.add_channel(channel);
  presence_.add_channel(channel);
}

void Engine::start() {
  sentinels_.start();
  lease_.start({.on_lost = [this] { on_lost(); }, .on_fresh = [this] { on_fresh(); }});
  commands_.start({.on_up = [this] { on_up(); },
                   .on_down =
                       [this] {
                         lease_.on_down();
                         clients_.on_engine_lost();
                       },
                   .on_push = {}});
  messages_.start({.on_up =
                       [this] {
                         load_scripts(messages_);
                         runs_.on_up();
                         prober_.on_up(messages_);
                       },
                   .on_down = [this] { clients_.on_engine_lost(); },
                   .on_push = {}});
  subscriptions_.start({.on_ready = [this] { on_subscribed(); },
                        .on_down =
                            [this] {
                              clients_.on_engine_lost();
                              prober_.on_deaf();
                            }});
  tick_ = loop_.every(kTickEvery, [this] { tick(); });
}

void Engine::tick() {
  prober_.judge(loop_.now());
  agents_.tick(loop_.now());
  runs_.tick(loop_.now());
}

void Engine::on_up() {
  load_scripts(commands_);
  // A server that has restarted may have gone back to an older snapshot.
  const std::string& run_id = commands_.run_id();
  if (run_id.empty() || run_id != server_run_id_) lease_.invalidate();
  server_run_id_ = run_id;
  lease_.on_up();
  agents_.on_up();
  webhooks_.on_up();
  prober_.on_up(commands_);
  registry_.flush();
}

void Engine::on_lost() {
  const TimePoint began = loop_.now();
  registry_.rebuild([this, began] {
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - began);
    log::info("registry_rebuilt", {{"milliseconds", took.count()}});
    lease_.on_registered();
    presence_.rebuild();
  });
}

void Engine::on_fresh() { pushes_.resume(); }

void Engine::on_subscribed() {
  agents_.on_subscribed();
  runs_.on_subscribed();
  prober_.on_up(pushes_);
  // Whatever was said of sessions and connections while nobody listened.
  registry_.take_evictions();
  registry_.each_session([this](const SessionPtr& session) { sessions_.check(session); });
}

void Engine::leave(std::function<void()> done) {
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

void Engine::report(std::string text) {
  if (commands_.is_full()) return;
  commands_.command({"SET", keys_.report(keys_.instance()), text, "PX", std::to_string(kReportTime.count())},
                    [](const Result<Reply>&) {});
}

void Engine::reports(Done<std::vector<std::string>> done) {
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

EngineStats Engine::stats() const {
  EngineStats stats;
  for (const Client* client : {&messages_, &commands_, &pushes_}) {
    const ConnectionStats one = client->stats();
    stats.connected = stats.connected && one.up;
    stats.commands_total += one.commands_total;
    stats.errors_total += one.errors_total;
    stats.losses_total += one.losses_total;
    stats.pending += one.pending;
  }
  return stats;
}

}  // namespace gw::redis
