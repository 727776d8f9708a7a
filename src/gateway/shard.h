// A shard owns its clients entirely: one thread, one epoll set, a listener on the shared address, the
// handshakes, the connections and their subscriptions. Nothing of it is touched by another thread; what
// others want is posted to its mailbox.
//
// A turn: wait, read and route what clients sent, do what the control loop asks, look at deadlines, then
// write each touched client once and post what was collected for the control loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/channel.h"
#include "core/clock_watch.h"
#include "core/connection.h"
#include "core/hub.h"
#include "core/router.h"
#include "core/timer_wheel.h"
#include "gateway/address_counts.h"
#include "gateway/client_table.h"
#include "gateway/drain_schedule.h"
#include "gateway/inter_thread.h"
#include "gateway/mailbox.h"
#include "gateway/upgrade.h"
#include "net/batch_sender.h"
#include "net/listener.h"
#include "net/poller.h"
#include "protocol/envelope.h"

namespace gw {

struct ShardOptions {
  std::string instance_id;
  std::string reply_to;  // where agents answer, for envelopes
  UpgradeOptions upgrade;
  ConnectionOptions connection;
  TraceOptions tracing;
  ChannelSet anonymous_channels = ChannelSet::all();  // what a connection without a session may use
  Duration handshake_timeout = 5s;
  size_t strangers_per_address = 0;  // handshakes and connections without a session; 0: no bound
  Mailbox<ShardCommand>::Limits inbox;
};

class Shard {
 public:
  // All that it refers to outlives it. The listeners are its own.
  Shard(uint32_t index, const ShardOptions& options, const ChannelTable& channels,
        std::vector<UniqueFd> listeners, Mailbox<ShardEvent>& control);
  // Joins the thread: post command::Stop first.
  ~Shard();

  void start();
  // Where the control loop posts.
  Mailbox<ShardCommand>& inbox() { return inbox_; }

 private:
  void run();
  void turn();
  void on_ready_fd(const epoll_event& event);
  void on_accept_failed(const Error& error, bool again);
  void take_commands();
  void flush();
  void post_to_control();

  // --- Handshake: shard_handshake.cc ---
  void begin_handshake(http::Handover arrived);
  void read_handshake(Client& client);
  void continue_handshake(Client& client);
  void hand_to_control(Client& client);
  void refuse(Client& client, const http::Response& refusal, bool head_only = false);
  void request_admission(Client& client, Upgrade upgrade, std::string_view origin, size_t head_bytes);
  void count_stranger(Client& client, const IpAddress& address);
  void forget_stranger(Client& client);

  // --- Clients' messages: shard_messages.cc ---
  void read(Client& client);
  void process(Client& client, std::span<char> input);
  void on_message(Client& client, std::string_view text);
  void on_limited(Client& client, std::string_view text);
  void execute(Client& client, const route::ToAgents& to, std::string_view text);
  void execute(Client& client, const route::Subscribe& to, std::string_view text);
  void execute(Client& client, const route::Unsubscribe& to, std::string_view text);
  void execute(Client& client, const route::Authenticate& to, std::string_view text);
  void execute(Client& client, const route::Pong& to, std::string_view text);
  void execute(Client& client, const route::HeartbeatPong& to, std::string_view text);
  void execute(Client& client, const route::Nothing& to, std::string_view text);
  void execute(Client& client, const route::Reject& to, std::string_view text);
  void want(Client& client, ChannelIndex channel);
  void reply_error(Client& client, protocol::ErrorCode code, std::string_view message, std::string_view id);
  // Sends what `write` appends: one message that the gateway makes.
  template <class Write>
  void reply(Client& client, Write&& write);

  // --- Traces: shard_tracing.cc ---
  void begin_connection_trace(Connection& connection,
                              const std::optional<protocol::TraceContext>& from_handshake);
  // Of a connection whose span is kept.
  static std::optional<protocol::TraceContext> kept_context(const Connection& connection);
  OpenSpan begin_message_trace(const Connection& connection,
                               const std::optional<protocol::TraceContext>& of_message) const;
  // What the envelope says; tracing is on.
  protocol::TraceContext trace_message(const Connection& connection, const route::ToAgents& to,
                                       std::string_view text, event::Message& message);
  static protocol::TraceContext passed_trace(const Connection& connection,
                                             const std::optional<protocol::TraceContext>& of_message);
  void trace_rejected(const Connection& connection, const route::Reject& to, std::string_view text);
  void end_connection_trace(Connection& connection, uint16_t code);

  // --- What the control loop asks: shard_commands.cc ---
  void on_command(command::Admitted& command);
  void on_command(command::Close& command);
  void on_command(command::ReplaceSession& command);
  void on_command(command::Send& command);
  void on_command(command::Deliver& command);
  void on_command(command::Upgrade& command);
  void on_command(command::SetReady& command);
  void on_command(command::Probe& command);
  void on_command(command::Drain& command);
  void on_command(command::Stop& command);
  void close_drained();

  // --- Life of a client: shard.cc ---
  Client* find(const ConnectionHandle& handle);
  ConnectionHandle handle_of(const Client& client) const { return {index_, client.slot, client.generation}; }
  void send(Client& client, const FramePtr& frame);
  void close(Client& client, const Disconnect& why);
  void send_batch();
  void on_written(Client& client, const IoResult& result);
  void after_write(Client& client);
  void mark_dirty(Client& client);
  void watch(Client& client);
  void schedule(Client& client, TimePoint when);
  void on_timer(const TimerEntry& entry);
  void authorize(Client& client, SessionPtr session);
  bool update_channels(Client& client);
  void report_change(Client& client);
  void on_clock_step();
  void move_to(Client& client, Client::Phase next);
  void on_connected(Client& client);
  void deregister(Client& client);
  void destroy(Client& client);
  void report_stats();
  void send_to_control(ShardEvent item, size_t bytes = 0);

  // Fixed at construction.
  const uint32_t index_;
  const ShardOptions options_;
  const ChannelTable& channels_;
  const protocol::EnvelopeWriter envelopes_;

  // Touched only on this shard's thread.
  Poller poller_;
  ListenerSet listeners_;
  ClientTable clients_;
  size_t connected_ = 0;  // clients in phase connected
  Hub hub_;
  TimerWheel<TimerEntry> wheel_;
  std::vector<uint32_t> dirty_;  // slots with something to write; each at most once
  BatchSender sender_;
  std::vector<uint32_t> sending_;  // slots, in the order of what the sender has
  std::vector<char> read_buffer_;
  ws::Scratch scratch_;
  std::string decode_scratch_;
  MessageIdSource message_ids_;
  TimePoint now_;  // of this turn
  WallTime wall_;
  ClockWatch clock_watch_;
  bool ready_ = false;
  bool stopping_ = false;
  AddressCounts strangers_;
  std::optional<DrainSchedule> drain_;
  bool drained_reported_ = false;
  ShardStats stats_;
  bool stats_changed_ = true;
  TimePoint stats_reported_at_;
  std::vector<ShardEvent> outgoing_;
  size_t outgoing_bytes_ = 0;
  std::vector<ShardCommand> commands_;

  // Written by other threads.
  Mailbox<ShardCommand> inbox_;
  Mailbox<ShardEvent>& control_;

  std::thread thread_;
};

}  // namespace gw
