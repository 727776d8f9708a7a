// One gateway on the control loop: its shards, who may connect, and what passes between clients and engine.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/engine.h"
#include "core/session_validator.h"
#include "gateway/dealt_listeners.h"
#include "gateway/inter_thread.h"
#include "gateway/mailbox.h"
#include "gateway/news.h"
#include "gateway/presence_answers.h"
#include "gateway/resident_shard.h"
#include "gateway/run_attachments.h"
#include "gateway/run_offers.h"
#include "gateway/second_tries.h"
#include "gateway/shard.h"
#include "gateway/stats.h"
#include "gateway/submissions.h"
#include "gateway/tickets.h"
#include "gateway/uplinks.h"
#include "net/event_loop.h"
#include "net/listen_address.h"
#include "net/passed_sockets.h"
#include "net/unix_listener.h"
#include "ws/deflate.h"

namespace gw {

struct GatewayOptions {
  std::vector<ListenAddress> listen;
  bool reuse_port = false;  // listens beside another gateway too, which then gets a part of the clients
  size_t shards = 1;
  bool has_own_threads = true;  // false: the one shard lives on the control loop
  AdmissionLimits admission;
  ShardOptions shard;
  Digest ticket_salt{};  // the same on all instances that take each other's tickets
};

// The parts it works with; all outlive it.
struct GatewayParts {
  EventLoop& loop;
  const ChannelTable& channels;
  Engine& engine;
  SessionValidator validate;
  SessionMatcher is_of = [](std::string_view, const Session&) { return false; };
  SpanSink on_span = [](Span&&) {};
};

class Gateway {
 public:
  Gateway(const GatewayOptions& options, GatewayParts parts);
  // Stops the shards and joins their threads.
  ~Gateway();

  // Listens and starts the shards. unavailable: an address can't be had; the detail names it.
  Result<void> start(PassedSockets& passed);
  // Where it listens by IP, port 0 resolved: those of its own first.
  const std::vector<SocketAddress>& addresses() const { return addresses_; }

  // Connections that turned out to be plain HTTP, and back: ones that now ask for /ws.
  void on_http(std::function<void(http::Handover)> handler) { on_http_ = std::move(handler); }
  void upgrade(http::Handover connection);
  // Clients of /ws that speak AI SDK's frames; it outlives the gateway's loop. Before start().
  void serve_chats(ChatClients& chats) { chats_ = &chats; }
  uint64_t send_chat(const ConnectionHandle& to, const std::vector<std::string>& messages);
  // Called the first time it is ready.
  void on_ready(std::function<void()> handler) { on_ready_ = std::move(handler); }

  // Says so to whoever asks, before a drain; clients are still served and taken. Who comes to a socket that
  // was passed to us waits there for the next process.
  void stop_being_ready();
  // Not ready any more; tells clients when to leave and sends them on, within the drain time. `done` runs
  // when the last of them has gone; one that does not answer its close is waited for.
  struct Drain {
    Duration drain_timeout{};
    size_t connections_elsewhere = 0;  // of instances that may be drained at the same time
    bool has_successors = false;       // instances that take connections now
  };
  void drain(const Drain& order, std::function<void()> done);
  // They have come, or gone, meanwhile.
  void tell_successors(bool any);

  // Other limits, times, origins, proxies and rights of those without a session. Addresses, the number of
  // shards and what connections are built with stay as they are.
  void reconfigure(const GatewayOptions& options);

  enum class State { ready, not_ready, draining };
  State state() const;
  bool is_ready() const { return state() == State::ready; }
  GatewayStats stats() const;

 private:
  struct ShardState {
    std::unique_ptr<Shard> shard;
    std::optional<Outgoing<ShardCommand>> outgoing;  // to it
    ShardStats stats;
    TimePoint echoed_at;  // last answer to a probe
    bool ready = false;   // and what it said of itself
    bool drained = false;
  };

  // --- Listeners: gateway_listeners.cc ---
  Result<void> check_ports_free() const;
  Result<std::vector<Listener>> listen_for_one_shard();
  Result<void> open_dealt(PassedSockets& passed);
  Result<void> listen_at(const UnixPath& path, const ListenAddress& wanted);
  Result<void> take(PassedSockets& passed, const PassedSocket& which, const ListenAddress& wanted);
  void open_passed_when_ready();
  void deal(http::Handover connection);

  void take_events();
  void post_commands();
  Registry& registry() { return parts_.engine.registry(); }
  void probe();
  void announce_readiness();
  bool probes_fresh() const;

  void on_event(event::Admit& event);
  void on_event(event::OriginRefused& event);
  void on_event(event::Authenticate& event);
  void on_event(event::Changed& event);
  void on_event(event::Closed& event);
  void on_event(event::Http& event);
  void on_event(event::Stats& event);
  void on_event(event::SpanEnded& event);
  void on_event(event::ProbeEcho& event);
  void on_event(event::Drained& event);

  void enter(const event::Admit& event, SessionPtr session, int tries_left = 0);
  void identify(const event::Authenticate& event, const SessionPtr& session);
  void take_session(const event::Authenticate& event, const SessionPtr& session);
  void log_refused_session(const event::Admit& event, std::string_view reason);
  void make_run_parts();
  void on_session_changed(const SessionPtr& session);
  Result<void> deliver(const Publication& publication);
  void send_gap(ChannelIndex channel);
  Result<void> send_to(const ConnectionHandle& handle, std::string_view message);
  void close(const ConnectionHandle& handle, const Disconnect& why);
  void reply(const ConnectionHandle& handle, std::string text, bool is_error = false);
  void send_to_shard(const ConnectionHandle& handle, ShardCommand&& item, size_t bytes = 0);
  void send_to_all_shards(const ShardCommand& item);
  FramePtr make_message_frame(std::string_view message);

  GatewayOptions options_;
  GatewayParts parts_;
  Mailbox<ShardEvent> inbox_;
  std::vector<SocketAddress> addresses_;
  std::vector<ShardState> shards_;
  std::optional<ResidentShard> resident_;  // of them
  std::vector<UnixSocketFile> files_;
  DealtListeners own_;     // Unix sockets
  DealtListeners passed_;  // from whoever started us
  size_t next_shard_ = 0;  // of those that are dealt
  EventLoop::Registration hurry_;
  std::vector<ShardEvent> events_;
  std::function<void(http::Handover)> on_http_;
  std::function<void()> on_ready_;
  ChatClients* chats_ = nullptr;

  // Connections whose admission, or session, has not been answered: the registry does not know them, or whose
  // they are.
  struct Admission {
    SessionPtr session;  // once it is known; the newest, when it changes meanwhile
    bool left = false;   // the client has gone
  };
  std::unordered_map<ConnectionId, Admission> admitting_;
  Tickets tickets_;
  SecondTries second_tries_;
  std::optional<ws::Deflater> deflater_;  // with compression only
  PresenceAnswers presence_;
  std::unique_ptr<RunAttachments> attachments_;
  std::unique_ptr<RunOffers> offers_;
  std::unique_ptr<Submissions> submissions_;
  Uplinks uplinks_;
  GatewayStats stats_;
  News refusals_;  // that have been logged
  TimePoint engine_echoed_at_;
  bool started_ = false;
  bool announced_ready_ = false;
  bool leaving_ = false;
  bool takes_last_ = false;  // see command::Drain
  bool draining_ = false;
  std::function<void()> on_drained_;
  std::vector<EventLoop::Registration> registrations_;
};

}  // namespace gw
