#include "app/application.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>

#include "app/engine.h"
#include "app/listening.h"
#include "app/options.h"
#include "app/reload.h"
#include "app/service_api.h"
#include "app/shutdown.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/random.h"
#include "config/tls_settings.h"
#include "config/values.h"
#include "core/channel.h"
#include "gateway/gateway.h"
#include "json/json.h"
#include "net/event_loop.h"
#include "net/http/server.h"
#include "ops/consul_registrar.h"
#include "ops/jwks_client.h"
#include "ops/telemetry.h"
#include "post_office/post_office.h"
#include "traffic_cop/traffic_cop.h"

namespace gw {
namespace {

// Descriptors that are no client's: listeners, the API, logs.
constexpr rlim_t kSpareDescriptors = 200;

// The kernel's table of descriptors doubles as they become more. A process with threads waits for that until
// no processor reads the old one any more (synchronize_rcu in Linux's fs/file.c): 8 to 20 ms in which it
// serves nobody, ten times on the way to 19 000 clients. It grows once here, and never shrinks.
void grow_descriptor_table(rlim_t size) {
  const UniqueFd any(::eventfd(0, EFD_CLOEXEC));
  const UniqueFd last(::fcntl(any.get(), F_DUPFD_CLOEXEC, static_cast<int>(size) - 1));
}

// As many descriptors as the system lets us have: each client is one.
void make_room_for_descriptors(const Config& config) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < config.admission.total + kSpareDescriptors) {
    log::warn("descriptor_limit_below_max_connections",
              {{"limit", limit.rlim_cur},
               {"max_connections", config.admission.total},
               {"hint", "raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE=) or lower max-connections"}});
  }
  grow_descriptor_table(std::min<rlim_t>(limit.rlim_cur, config.admission.total + kSpareDescriptors));
}

// The first of these drains, the second ends it at once.
constexpr std::array kEndSignals{SIGTERM, SIGINT, SIGQUIT};
// These drain and never hurry: they come beside others, or again and again.
constexpr std::array kDrainSignals{SIGPWR, SIGXCPU};
// Nothing here has a use for these, and their default would kill without a word. (So do those of real time.)
constexpr std::array kIdleSignals{SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGSTKFLT};

bool is_ignored(int signal) {
  struct sigaction action {};
  return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

template <class Signals>
bool contains(const Signals& signals, int signal) {
  return std::find(signals.begin(), signals.end(), signal) != signals.end();
}

std::string name_of(int signal) {
  const char* name = sigabbrev_np(signal);
  return name ? std::string("SIG") + name : std::to_string(signal);
}

// Signals arrive as bytes that the control loop reads. Before any thread starts: they inherit it.
UniqueFd make_signal_fd() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : kEndSignals) sigaddset(&signals, signal);
  // Started by nohup, it is meant to outlive a terminal.
  for (const int signal : kDrainSignals)
    if (!is_ignored(signal)) sigaddset(&signals, signal);
  if (!is_ignored(SIGHUP)) sigaddset(&signals, SIGHUP);
  for (const int signal : kIdleSignals) sigaddset(&signals, signal);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return UniqueFd(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
}

class Application {
 public:
  Application(const Config& config, const ConfigSources& sources)
      : config_(config),
        reload_(sources, config_, [this](const Config& next) { take(next); }),
        signals_(make_signal_fd()),
        made_key_(config.has_api_keys() ? "" : secure_random_hex(24)),
        channels_(config.channels),
        engine_(make_engine(loop_, channels_, config)),
        traffic_cop_(
            engine_->sessions(), channels_, [this] { return loop_.wall_now(); },
            config.takes_jwts() ? std::optional(JwtTrust{config.jwt, config.jwt_keys, engine_->revocations()})
                                : std::nullopt),
        jwks_(make_jwks_client()),
        post_office_(*engine_, channels_, {config.connection.outbox_bytes_max / 2},
                     [this] { return loop_.wall_now(); }),
        gateway_(gateway_options(config, channels_, engine_->traits()),
                 {loop_, channels_, *engine_,
                  [this](std::string_view token, Done<SessionPtr> done) {
                    traffic_cop_.validate(token, std::move(done));
                  },
                  [this](std::string_view token, const Session& session) {
                    return traffic_cop_.is_of(token, session);
                  },
                  [this](Span&& span) {
                    if (telemetry_) telemetry_->record(std::move(span));
                  }}),
        consul_(make_registrar()),
        api_(api_options(config, channels_, made_key_),
             {loop_, gateway_, traffic_cop_, post_office_, *engine_, consul_.get(),
              [this] { return reload_.run(); }}),
        http_(loop_, http_options(config), [this](http::Request& request, http::Responder responder) {
          api_.handle(request, std::move(responder));
        }) {
    api_.watch(http_);
    telemetry_ = make_telemetry(config.telemetry, {config.instance_id, config.version}, loop_,
                                [this] { return metric_families(api_.snapshot()); });
    api_.watch(telemetry_.get());
  }

  int run() {
    make_room_for_descriptors(config_);
    for (const std::string& warning : config_.warnings) log::warn("setting_warning", {{"detail", warning}});
    warn_of_certificates();
    const auto daily = loop_.every(24h, [this] { warn_of_certificates(); });
    gateway_.on_http([this](http::Handover connection) { http_.adopt(std::move(connection)); });
    http_.on_upgrade([this](http::Handover connection) { gateway_.upgrade(std::move(connection)); });
    gateway_.serve_chats(api_.chat_sockets());
    api_.chat_sockets().send_with(
        [this](const ConnectionHandle& to, const std::vector<std::string>& messages) {
          return gateway_.send_chat(to, messages);
        });
    gateway_.on_ready([this] { announce_ready(); });
    if (const Result<void> started = start(); !started) {
      log::error("start_failed", {{"error", started.error().detail}});
      return 1;
    }
    const auto on_signal = loop_.watch(signals_.get(), [this] { read_signal(); });
    loop_.run();
    if (telemetry_) telemetry_->close(metric_families(api_.snapshot()));
    log::info("gateway_stopped");
    return 0;
  }

  // Outlives this: sending the rest must not wait for, or hold up, the end of anything else.
  std::unique_ptr<Telemetry> take_telemetry() { return std::move(telemetry_); }

 private:
  std::unique_ptr<JwksClient> make_jwks_client() {
    if (config_.jwt_jwks_url.empty()) return nullptr;
    auto client = std::make_unique<JwksClient>(loop_, jwks_options(config_),
                                               [this](std::string_view jwk_set) -> Result<void> {
                                                 Result<JwtKeys> keys = parse_jwk_set(jwk_set);
                                                 if (!keys) return keys.error();
                                                 traffic_cop_.jwt()->set_fetched(std::move(*keys));
                                                 return {};
                                               });
    traffic_cop_.jwt()->fetch_with(
        [fetcher = client.get()](std::function<void(bool)> done) { fetcher->refresh(std::move(done)); });
    return client;
  }

  std::unique_ptr<consul::Registrar> make_registrar() {
    if (config_.consul_url.empty()) return nullptr;
    return std::make_unique<consul::Registrar>(loop_, consul_options(config_, engine_->traits()),
                                               [this] { return gateway_.is_ready(); });
  }

  // Its reverse is shutdown_steps().
  Result<void> start() {
    engine_->start();
    if (jwks_) jwks_->start();
    if (const Result<void> started = api_.webhooks().start(); !started) return started;
    PassedSockets passed = sockets_passed_to_us(config_.listen, config_.ops_listen);
    if (const Result<void> started = gateway_.start(passed); !started) return started;
    if (consul_) consul_->start(consul_service(config_, engine_->traits(), first_address()));
    if (const auto opened = ops_listeners_.open(config_.ops_listen, passed, http_); !opened) return opened;
    tell_of_unused(passed);
    return {};
  }

  // Everything that a reload may have changed (config/reload.h).
  void take(const Config& next) {
    config_ = next;
    warn_of_certificates();
    log::set_level(next.logging.level);
    for (const std::string& name : next.channels)
      if (!channels_.find(name)) engine_->add_channel(channels_.add(name));
    gateway_.reconfigure(gateway_options(next, channels_, engine_->traits()));
    http_.reconfigure(http_options(next));
    const std::string made_key = next.has_api_keys() ? std::string() : made_key_;
    for (const ApiKey* const gone : api_.reconfigure(api_options(next, channels_, made_key)))
      http_.cut_off(gone);
    if (JwtSessions* const jwt = traffic_cop_.jwt()) jwt->reconfigure(next.jwt, next.jwt_keys);
    if (jwks_) jwks_->fetch_now();
  }

  void warn_of_certificates() {
    for (const std::string& warning : certificate_warnings(config_, loop_.wall_now()))
      log::warn("certificate_warning", {{"detail", warning}});
  }

  // By IP; with Unix sockets alone the settings say where we are reached.
  SocketAddress first_address() const {
    return gateway_.addresses().empty() ? SocketAddress() : gateway_.addresses().front();
  }

  void begin_shutdown() {
    const ShutdownParts parts{loop_, gateway_, *engine_, api_, http_, consul_.get()};
    shutdown_.emplace(loop_, shutdown_steps(parts, config_.drain_timeout));
    shutdown_->begin([this] { loop_.stop(); });
  }

  // The one line on standard output, for whoever started us.
  void announce_ready() {
    std::string line;
    json::Writer writer(line);
    writer.begin_object()
        .member("event", "ready")
        .member("url", gateway_.addresses().empty()
                           ? config_.listen.front().text()
                           : (is_first_tls(config_) ? "https://" : "http://") + first_address().text())
        .member("instance_id", config_.instance_id)
        .member("pid", getpid());
    if (!made_key_.empty()) writer.member("api_key", made_key_);
    writer.end_object();
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
    api_.reports().tell();
  }

  void read_signal() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
      take_signal(static_cast<int>(info.ssi_signo), info.ssi_pid);
    }
  }

  void take_signal(int signal, uint32_t sender) {
    if (signal == SIGHUP) {
      log::info("told_to_reload", {{"signal", name_of(signal)}, {"sender_pid", sender}});
      reload_.run();
      return;
    }
    const bool ends = contains(kEndSignals, signal);
    if (!ends && !contains(kDrainSignals, signal)) {
      return log::warn("signal_ignored", {{"signal", name_of(signal)}, {"sender_pid", sender}});
    }
    if (!std::exchange(ending_, true)) {
      log::info("told_to_end", {{"signal", name_of(signal)}, {"sender_pid", sender}});
      return begin_shutdown();
    }
    if (!ends) return;
    log::warn("stopped_at_once", {{"signal", name_of(signal)}});
    log::flush();
    _exit(1);
  }

  Config config_;  // take() changes it
  Reload reload_;
  const UniqueFd signals_;
  const std::string made_key_;  // empty: keys are configured
  EventLoop loop_;
  // Before those it ends: what they still answer finds it.
  std::optional<Shutdown> shutdown_;
  ChannelTable channels_;
  const std::unique_ptr<Engine> engine_;
  TrafficCop traffic_cop_;
  const std::unique_ptr<JwksClient> jwks_;  // null: no jwt-jwks-url
  PostOffice post_office_;
  Gateway gateway_;
  const std::unique_ptr<consul::Registrar> consul_;  // null: no consul-url
  ServiceApi api_;
  http::Server http_;
  OpsListeners ops_listeners_;
  std::unique_ptr<Telemetry> telemetry_;  // null: nothing is exported
  bool ending_ = false;
};

}  // namespace

int run_gateway(const Config& config, const ConfigSources& sources) {
  // Whoever reads our output may go away (a log collector restarts): no reason to end every client.
  std::signal(SIGPIPE, SIG_IGN);
  // The same for a log in a file that has come to a limit.
  std::signal(SIGXFSZ, SIG_IGN);
  log::init(config.logging);
  log::log_faults();
  std::unique_ptr<Telemetry> telemetry;
  int code = 0;
  {
    Application application(config, sources);
    code = application.run();
    telemetry = application.take_telemetry();
  }
  const bool all_ended = !telemetry || telemetry->shutdown();
  log::flush();
  if (!all_ended) _exit(code);
  return code;
}

}  // namespace gw
